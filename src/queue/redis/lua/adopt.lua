-- Takes over the totals of another queue, unless this shard has any of its own.
--
-- KEYS: counters
-- ARGV: run, accepted, duplicates recognised at the door
-- Answers 1 when the totals are those, 0 when it has its own.
local t = totals(KEYS[1], ARGV[1], '', '0')
if t.newest > 0 then
  return 0
end
if t.accepted == 0 then
  t.accepted, t.door = tonumber(ARGV[2]), tonumber(ARGV[3])
  keep(KEYS[1], t)
end
return t.accepted == tonumber(ARGV[2]) and 1 or 0
