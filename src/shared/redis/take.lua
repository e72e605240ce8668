-- Takes tokens from buckets: those of one request after another, each in order and until one refuses.
-- A bucket is the time at which it is full again, in microseconds by the server's clock; the
-- arithmetic is that of a single process, in `stages::bucket`.
--
-- KEYS: the buckets, each once
-- ARGV: the time in microseconds, or '' for the server's; then of each request the number of its
--       buckets, and of each of those its place among KEYS, capacity, tokens a minute, cost
-- Answers numbers in a text, four for each bucket that was asked: 1 or 0, tokens left, and the
-- microseconds until a request would pass and until the bucket is full.
local TOKEN = 60000000
-- A year: whoever owes more than that owes enough.
local MOST = 365 * 86400 * 1000000
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
local full, taken, answers = redis.call('MGET', unpack(KEYS)), {}, {}
local request = 2
while request <= #ARGV do
  local next = request + 1 + 4 * ARGV[request]
  for at = request + 1, next - 1, 4 do
    local key = tonumber(ARGV[at])
    local capacity, rate, cost = ARGV[at + 1] * TOKEN, tonumber(ARGV[at + 2]), ARGV[at + 3]
    local full_at = tonumber(full[key] or 0)
    local short = math.max(math.max(full_at - now, 0) * rate + TOKEN - capacity, 0)
    if short == 0 then
      full_at = math.max(full_at, now) + math.min(math.floor(cost * TOKEN / rate), MOST)
      full[key], taken[key] = full_at, true
    end
    local full_after = math.max(full_at - now, 0)
    local left = math.floor(math.max(capacity - full_after * rate, 0) / TOKEN)
    answers[#answers + 1] = string.format('%d %d %d %d', short == 0 and 1 or 0, left,
      math.ceil(short / rate), full_after)
    if short > 0 then
      break
    end
  end
  request = next
end
for key in pairs(taken) do
  -- A full bucket is as good as none.
  local lifetime = math.ceil((full[key] - now) / 1000) + 1000
  redis.call('SET', KEYS[key], string.format('%d', full[key]), 'PX', string.format('%d', lifetime))
end
return table.concat(answers, ' ')
