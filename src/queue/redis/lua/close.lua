-- Closes an appender: nothing more is taken from it, whatever is still on its way. Answers the last
-- number that was taken. Writes also when it is closed already: who waits until disks or replicas have
-- this write knows that they have what was taken before it.
--
-- KEYS: appender
-- ARGV: for how many seconds this is remembered
local last = redis.call('GET', KEYS[1]) or '0'
if string.sub(last, 1, 1) == 'x' then
  last = string.sub(last, 2)
end
redis.call('SET', KEYS[1], 'x' .. last, 'EX', ARGV[1])
return last
