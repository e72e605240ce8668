-- KEYS: the younger and the older generation
-- ARGV: members
-- Answers '1' for each that is remembered, and '0' for each that is not.
local answers = {}
for i, known in ipairs(redis.call('SMISMEMBER', KEYS[1], unpack(ARGV))) do
  answers[i] = known
end
for i, known in ipairs(redis.call('SMISMEMBER', KEYS[2], unpack(ARGV))) do
  answers[i] = math.max(answers[i], known)
end
return table.concat(answers)
