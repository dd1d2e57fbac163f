-- What happened after a place of the log.
--
-- ARGV[2]  the last number that the node knows
-- ARGV[3]  batches, at most
-- KEYS     log
--
-- Answers {'log', epoch, now, entries as XRANGE gives them}, none where nothing has happened; {'trimmed', epoch, now, seq}.

local after, batches = tonumber(ARGV[2]), tonumber(ARGV[3])

if after == seq then return { 'log', epoch, now, {} } end
if after > seq then return { 'trimmed', epoch, now, seq } end
local entries = redis.call('XRANGE', log_key, '(' .. string.format('%.0f-0', after), '+', 'COUNT', batches)
if #entries == 0 or tonumber(entries[1][2][2]) ~= after then return { 'trimmed', epoch, now, seq } end
return { 'log', epoch, now, entries }
