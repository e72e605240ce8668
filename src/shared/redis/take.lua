-- Takes tokens from a client's buckets, in order, until one refuses. A bucket is the time at which it
-- is full again, in microseconds by the server's clock; the arithmetic is that of a single process,
-- in `stages::bucket`.
--
-- KEYS: the buckets
-- ARGV: the time in microseconds, or '' for the server's; then of each bucket its capacity, tokens
--       a minute, cost
-- Answers for each bucket that was asked: '1' or '0', tokens left, and the microseconds until a
-- request would pass and until the bucket is full.
local TOKEN = 60000000
-- A year: whoever owes more than that owes enough.
local MOST = 365 * 86400 * 1000000
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
local function whole(number)
  return string.format('%.0f', number)
end
local answers = {}
for i, key in ipairs(KEYS) do
  local at = 3 * i - 1
  local capacity, rate, cost = ARGV[at] * TOKEN, tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local full_at = tonumber(redis.call('GET', key) or 0)
  local short = math.max(math.max(full_at - now, 0) * rate + TOKEN - capacity, 0)
  if short == 0 then
    full_at = math.max(full_at, now) + math.min(math.floor(cost * TOKEN / rate), MOST)
    -- A full bucket is as good as none.
    redis.call('SET', key, whole(full_at), 'PX', whole(math.ceil((full_at - now) / 1000) + 1000))
  end
  local full_after = math.max(full_at - now, 0)
  local left = math.floor(math.max(capacity - full_after * rate, 0) / TOKEN)
  answers[i] = {short == 0 and 1 or 0, whole(left), whole(math.ceil(short / rate)), whole(full_after)}
  if short > 0 then
    break
  end
end
return answers
