-- Removes entries, and lowers the counters by what was there to remove. An entry is named by its id
-- and its place: after a crash that lost the end of the stream another entry may stand in its place.
--
-- KEYS: stream, ids, counters
-- ARGV: group; then for each entry its id and its place
-- Answers the number of entries that were removed.
local ids, places, events, bytes = {}, {}, 0, 0
for i = 2, #ARGV, 2 do
  local held = redis.call('HGET', KEYS[2], ARGV[i])
  local place, of_events, of_bytes = string.match(held or '', '^(%d+) (%d+) (%d+)$')
  if place == ARGV[i + 1] then
    ids[#ids + 1] = ARGV[i]
    places[#places + 1] = place .. '-0'
    events, bytes = events + of_events, bytes + of_bytes
  end
end
if #ids > 0 then
  redis.call('XACK', KEYS[1], ARGV[1], unpack(places))
  redis.call('XDEL', KEYS[1], unpack(places))
  redis.call('HDEL', KEYS[2], unpack(ids))
  redis.call('HINCRBY', KEYS[3], 'events', string.format('%.0f', -events))
  redis.call('HINCRBY', KEYS[3], 'bytes', string.format('%.0f', -bytes))
end
return #ids
