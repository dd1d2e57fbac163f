-- What nodes have left behind, in order.
--
-- ARGV[2]  entries, at most
-- ARGV[3…] the nodes
-- KEYS     those of the nodes
--
-- Answers {'left', epoch, now, entries}, each a channel, a zero byte and a user.

local most = tonumber(ARGV[2])

local found, seen = {}, {}
for at = 3, #ARGV do
  for _, entry in ipairs(redis.call('ZRANGE', node_key(ARGV[at]), 0, most - 1)) do
    if not seen[entry] then
      seen[entry] = true
      table.insert(found, entry)
    end
  end
end
table.sort(found)
for at = #found, most + 1, -1 do
  found[at] = nil
end
return { 'left', epoch, now, found }
