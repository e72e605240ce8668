-- KEYS: workers
-- ARGV: milliseconds after which a silent worker is not shown
-- Answers name, age and lag of each worker, in milliseconds.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local shown = {}
local workers = redis.call('HGETALL', KEYS[1])
for i = 1, #workers, 2 do
  local beat, lag = string.match(workers[i + 1], '^(%d+) (%d+)$')
  local age = now - beat
  if age <= tonumber(ARGV[1]) then
    shown[#shown + 1] = {workers[i], string.format('%.0f', math.max(age, 0)), lag}
  end
end
return shown
