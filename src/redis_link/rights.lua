-- KEYS: a key as the program uses them
-- ARGV: commands, with their subcommand after a space
-- Answers those that this user may not use on the key.
local missing = {}
-- Servers that are compatible otherwise may not tell.
if not redis.acl_check_cmd then
  return missing
end
for _, command in ipairs(ARGV) do
  local words = {}
  for word in string.gmatch(command, '%S+') do
    words[#words + 1] = word
  end
  words[#words + 1] = KEYS[1]
  words[#words + 1] = KEYS[1]
  if not redis.acl_check_cmd(unpack(words)) then
    missing[#missing + 1] = string.gsub(command, ' ', '|')
  end
end
return missing
