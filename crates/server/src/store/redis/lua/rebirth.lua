-- Begins another life of the partition, where there is none or another server took over.
--
-- ARGV[1]  the epoch that it gets if it is later than the one before
--
-- Answers {'reborn', epoch, now, the epoch before or ''}; {'alive', epoch, now}; {'early', the epoch before, now}.

local given_epoch = ARGV[1]

if alive then return { 'alive', epoch, now } end
if epoch and given_epoch <= epoch then return { 'early', epoch, now } end
if epoch then
  local earlier = redis.call('HGET', meta, 'earlier')
  redis.call('HSET', meta, 'earlier', earlier and earlier .. ' ' .. epoch or epoch)
end
redis.call('HSET', meta, 'epoch', given_epoch, 'server', server_id(), 'seq', 0, 'forgotten', 0, 'born', now)
return { 'reborn', given_epoch, now, epoch or '' }
