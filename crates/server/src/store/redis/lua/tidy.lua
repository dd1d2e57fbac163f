-- Removes a part of what an earlier life has left behind. The node that speaks for a member has an entry for it, which tells
-- the names of all that holds the member; what says who has gone ends by itself.
--
-- ARGV[2]  the earlier life
-- ARGV[3]  a node that it knew, or ''
-- ARGV[4…] two for each entry of that node: channel, user
-- KEYS     of that life: leases, last, log; that of the node; members, order, user, sizes of each entry
--
-- Answers {'tidied', epoch, now, the first of the earlier lives that have still left something behind or ''}.

local node = ARGV[3]
local earlier = redis.call('HGET', meta, 'earlier') or ''

local left = {}
for one in string.gmatch(earlier, '%x+') do
  if one ~= ARGV[2] then table.insert(left, one) end
end
left = table.concat(left, ' ')
if left ~= earlier then
  life = ARGV[2]
  local leases, names = key('leases'), { key('last'), key('log') }
  for at = 4, #ARGV, 2 do
    local channel, user = ARGV[at], ARGV[at + 1]
    table.insert(names, members_key(channel))
    table.insert(names, order_key(channel))
    table.insert(names, user_key(user_of(channel, user)))
    table.insert(names, sizes_key(application_of(channel)))
    redis.call('ZREM', node_key(node), channel .. '\0' .. user)
  end
  -- Large ones are freed beside.
  redis.call('UNLINK', unpack(names))
  if redis.call('EXISTS', node_key(node)) == 0 then redis.call('ZREM', leases, node) end
  if redis.call('EXISTS', leases) == 0 then
    earlier = left
    if earlier == '' then
      redis.call('HDEL', meta, 'earlier')
    else
      redis.call('HSET', meta, 'earlier', earlier)
    end
  end
end
return { 'tidied', epoch, now, string.match(earlier, '^%x+') or '' }
