-- Begins a lease, or lengthens it.
--
-- ARGV[2]  the node's incarnation
-- ARGV[3]  1 if it has none yet, else 0
-- ARGV[4]  how long it lasts, in milliseconds
-- KEYS     leases
--
-- Answers {'renewed', epoch, now, seq, age of the epoch in milliseconds, how long before this lease the first of all ends,
-- the first of the earlier lives that have left something behind or ''}; {'fenced', epoch, now}.

local node, begin, lease_ms = ARGV[2], ARGV[3] == '1', tonumber(ARGV[4])

local until_ms = tonumber(redis.call('ZSCORE', leases_key, node) or nil)
local may = begin
if until_ms then may = until_ms > now end
if not may then return { 'fenced', epoch, now } end
redis.call('ZADD', leases_key, now + lease_ms, node)
local first = tonumber(redis.call('ZRANGE', leases_key, 0, 0, 'WITHSCORES')[2])
local earlier = string.match(redis.call('HGET', meta, 'earlier') or '', '^%x+')
return { 'renewed', epoch, now, seq, now - tonumber(known[5]), now + lease_ms - first, earlier or '' }
