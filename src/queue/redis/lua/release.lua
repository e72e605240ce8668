-- Gives entries back: they count as forsaken from now on, so that anybody takes them over. Those
-- that somebody else has taken over already are left alone.
--
-- KEYS: stream
-- ARGV: group, consumer, milliseconds after which an entry counts as forsaken; then places
for i = 4, #ARGV do
  local id = ARGV[i] .. '-0'
  if #redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1, ARGV[2]) > 0 then
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, id, 'IDLE', ARGV[3], 'JUSTID')
  end
end
return redis.status_reply('OK')
