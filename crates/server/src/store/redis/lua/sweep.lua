-- Ends what nodes have left behind whose lease ended a grace ago.
--
-- ARGV[2]  the grace in milliseconds
-- ARGV[3]  1 if they have left nothing else, so that they are forgotten after it; else 0
-- ARGV[4]  how many nodes
-- ARGV[5…] the nodes, then two for each entry: channel, user
-- KEYS     leases, last, log; those of the nodes; members, order, user, sizes of each entry
--
-- Answers {'swept', epoch, now, how many nodes were still known as ended}.

local grace_ms, all, count = tonumber(ARGV[2]), ARGV[3] == '1', tonumber(ARGV[4])

local nodes, is_gone = {}, {}
for at = 5, 4 + count do
  local until_ms = tonumber(redis.call('ZSCORE', leases_key, ARGV[at]) or nil)
  if until_ms and until_ms + grace_ms <= now then
    table.insert(nodes, ARGV[at])
    is_gone[ARGV[at]] = true
  end
end
local function goes(owner) return is_gone[owner.node] end
for at = 5 + count, #ARGV, 2 do
  local channel, user = ARGV[at], ARGV[at + 1]
  remove(channel, user, find_member(channel, user), goes, 't')
  for _, node in ipairs(nodes) do
    redis.call('ZREM', node_key(node), channel .. '\0' .. user)
  end
end
if all then
  for _, node in ipairs(nodes) do
    redis.call('ZREM', leases_key, node)
    redis.call('HDEL', last_key, node)
  end
end
finish()
return { 'swept', epoch, now, #nodes }
