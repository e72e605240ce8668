-- Makes the group, from the first entry on, unless somebody else has.
--
-- KEYS: stream
-- ARGV: group
local made = redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], 0, 'MKSTREAM')
if made.err and not string.find(made.err, '^BUSYGROUP') then
  return made
end
return redis.status_reply('OK')
