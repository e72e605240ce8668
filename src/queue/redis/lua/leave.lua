-- A consumer that ends gives all its entries back, and is forgotten when it holds none. One that
-- still holds some must stay: forgetting it would forget that they were never processed.
--
-- KEYS: stream
-- ARGV: group, consumer, milliseconds after which an entry counts as forsaken
local first = '-'
repeat
  local held = redis.call('XPENDING', KEYS[1], ARGV[1], first, '+', 1000, ARGV[2])
  for _, entry in ipairs(held) do
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, entry[1], 'IDLE', ARGV[3], 'JUSTID')
    first = '(' .. entry[1]
  end
until #held == 0
if first == '-' then
  redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
end
return redis.status_reply('OK')
