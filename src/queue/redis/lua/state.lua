-- KEYS: stream, counters
-- ARGV: run, seen run, seen accepted
-- Answers the run, `accepted`, `door`, entries, `events`, `bytes`, `healed`, `newest`, and of the
-- oldest entry its place and its hour, both empty when there is none.
local t = totals(KEYS[2], ARGV[1], ARGV[2], ARGV[3])
if t.changed then
  keep(KEYS[2], t)
end
local place, hour = '', ''
local oldest = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
if oldest then
  place = string.match(oldest[1], '^%d+')
  for i = 1, #oldest[2], 2 do
    if oldest[2][i] == 'm' then
      hour = string.match(oldest[2][i + 1], '%S+$')
    end
  end
end
return {t.run, whole(t.accepted), whole(t.door), redis.call('XLEN', KEYS[1]), whole(t.events),
  whole(t.bytes), whole(t.healed), whole(t.newest), place, hour}
