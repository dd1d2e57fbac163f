-- The channels of an application with the most members, in this partition.
--
-- ARGV[2]  the application
-- ARGV[3]  what the names of channels begin with: the application, a zero byte, and the rest
-- ARGV[4]  channels, at most
-- ARGV[5]  how many of the largest are looked at for such names
-- KEYS     sizes
--
-- Answers {'largest', epoch, now, channel, members, …}, largest first.

local prefix, limit = ARGV[3], tonumber(ARGV[4])

local answer = { 'largest', epoch, now }
local sizes = redis.call('ZRANGE', sizes_key(ARGV[2]), 0, tonumber(ARGV[5]) - 1, 'REV', 'WITHSCORES')
for at = 1, #sizes, 2 do
  if #answer >= 3 + 2 * limit then break end
  if string.sub(sizes[at], 1, #prefix) == prefix then
    table.insert(answer, sizes[at])
    table.insert(answer, tonumber(sizes[at + 1]))
  end
end
return answer
