-- Remembers members in the younger of two generations. It becomes the older one when it is full or
-- as old as the window, and the one before it is forgotten: a member stays for one to two windows, as
-- long as there is room, and no time but the hour in which a generation began is kept.
--
-- KEYS: the younger and the older generation, the hour in which the younger one began
-- ARGV: hours of the window, most members of a generation; then members
local window = tonumber(ARGV[1])
local hour = math.floor(redis.call('TIME')[1] / 3600)
local began = tonumber(redis.call('GET', KEYS[3]) or hour)
if redis.call('SCARD', KEYS[1]) + #ARGV - 2 > tonumber(ARGV[2]) or hour - began >= window then
  redis.call('UNLINK', KEYS[2])
  if redis.call('EXISTS', KEYS[1]) == 1 then
    redis.call('RENAME', KEYS[1], KEYS[2])
  end
  began = hour
end
redis.call('SADD', KEYS[1], unpack(ARGV, 3))
redis.call('SET', KEYS[3], began)
for _, key in ipairs(KEYS) do
  redis.call('EXPIREAT', key, (hour + 2 * window + 1) * 3600)
end
return redis.status_reply('OK')
