-- Appends entries that fit, in order, and each once: entries of one appender are numbered, and the
-- last number that was taken is kept. Stream ids are counted, never times.
--
-- KEYS: stream, ids, counters, appender
-- ARGV: run, seen run, seen accepted, most events, most bytes, '1' to stop at the first entry that
--       does not fit, lifetime of the appender in seconds; then for each entry its number, id,
--       events, duplicates recognised at the door, hour, payload
-- Answers the run, `accepted`, and for each entry '1' (it is in the queue) or '0' (no room).
local last = redis.call('GET', KEYS[4]) or '0'
if string.sub(last, 1, 1) == 'x' then
  return redis.error_reply('CLOSED this appender was closed')
end
last = tonumber(last)
local t = totals(KEYS[3], ARGV[1], ARGV[2], ARGV[3])
local most_events, most_bytes = tonumber(ARGV[4]), tonumber(ARGV[5])
local index, answers, stopped = {}, {}, false
for i = 8, #ARGV, 6 do
  local number, id, events, payload = tonumber(ARGV[i]), ARGV[i + 1], tonumber(ARGV[i + 2]), ARGV[i + 5]
  if number <= last then
    answers[#answers + 1] = '1'
  elseif stopped or t.events + events > most_events or t.bytes + #payload > most_bytes then
    answers[#answers + 1] = '0'
    stopped = ARGV[6] == '1'
  else
    t.accepted, t.door = t.accepted + events, t.door + tonumber(ARGV[i + 3])
    t.events, t.bytes, t.newest = t.events + events, t.bytes + #payload, t.newest + 1
    local place = whole(t.newest)
    redis.call('XADD', KEYS[1], place .. '-0', 'i', id,
      'm', t.run .. ' ' .. whole(t.accepted) .. ' ' .. ARGV[i + 4], 'b', payload)
    index[#index + 1] = id
    index[#index + 1] = place .. ' ' .. ARGV[i + 2] .. ' ' .. #payload
    answers[#answers + 1] = '1'
    last = number
  end
end
if #index > 0 then
  redis.call('HSET', KEYS[2], unpack(index))
end
if last > 0 then
  -- Also when all were taken before: who waits for disks or replicas waits for the newest write.
  redis.call('SET', KEYS[4], whole(last), 'EX', ARGV[7])
end
if #index > 0 or t.changed then
  keep(KEYS[3], t)
end
return {t.run, whole(t.accepted), table.concat(answers)}
