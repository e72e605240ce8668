-- A worker's sign of life, by the server's clock: those of the workers may differ.
--
-- KEYS: workers
-- ARGV: worker, lag in milliseconds, milliseconds after which a silent worker is forgotten
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', now) .. ' ' .. ARGV[2])
local workers = redis.call('HGETALL', KEYS[1])
for i = 1, #workers, 2 do
  local beat = tonumber(string.match(workers[i + 1], '^%d+'))
  if now - beat > tonumber(ARGV[3]) then
    redis.call('HDEL', KEYS[1], workers[i])
  end
end
return redis.status_reply('OK')
