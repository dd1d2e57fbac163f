-- Begins another life of the partition, where there is none, another server took over, or the one there is began with an
-- earlier epoch than one that is known: a server whose clock is behind began it.
--
-- ARGV[1]  the epoch that it gets if it is later than the one before
-- ARGV[2]  the latest epoch that the node knows, or ''
--
-- Answers {'reborn', epoch, now, the epoch before or ''}; {'alive', epoch, now}; {'early', the epoch before, now}.

local given_epoch = ARGV[1]

if alive and epoch >= (ARGV[2] or '') then return { 'alive', epoch, now } end
if epoch and given_epoch <= epoch then return { 'early', epoch, now } end
if epoch then
  local earlier = redis.call('HGET', meta, 'earlier')
  redis.call('HSET', meta, 'earlier', earlier and earlier .. ' ' .. epoch or epoch)
end
redis.call('HSET', meta, 'epoch', given_epoch, 'server', server_id(), 'seq', 0, 'forgotten', 0, 'born', now)
return { 'reborn', given_epoch, now, epoch or '' }
