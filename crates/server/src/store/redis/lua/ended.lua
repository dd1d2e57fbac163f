-- The nodes whose lease ended a grace ago.
--
-- ARGV[2]  the grace in milliseconds
-- ARGV[3]  nodes, at most
-- KEYS     leases
--
-- Answers {'ended', epoch, now, nodes}.

local ended = string.format('%.0f', now - tonumber(ARGV[2]))
return { 'ended', epoch, now, redis.call('ZRANGE', leases_key, '-inf', ended, 'BYSCORE', 'LIMIT', 0, ARGV[3]) }
