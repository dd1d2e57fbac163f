-- A page of the members of a channel, ordered by user.
--
-- ARGV[2]  the channel
-- ARGV[3]  the user that the page follows, or ''
-- ARGV[4]  members, at most
-- ARGV[5]  bytes of names and attributes at which a page ends
-- KEYS     members, order
--
-- Answers {'page', epoch, now, the channel's last number, the log's, members of the channel, whether others follow (1 or 0),
-- user, attributes, …}.

local channel, after, limit, max_bytes = ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
-- Members that are read at once.
local PART = 50

local count = redis.call('ZCARD', order_key(channel))
if count == 0 then return { 'page', epoch, now, forgotten, seq, 0, 0 } end
local channel_seq = tonumber(redis.call('HGET', members_key(channel), ''))
local answer = { 'page', epoch, now, channel_seq, seq, count, 0 }
if limit == 0 then return answer end
local from = after == '' and '-' or '(' .. after
local users = redis.call('ZRANGE', order_key(channel), from, '+', 'BYLEX', 'LIMIT', 0, limit + 1)
local told, bytes = 0, 0
while told < #users and told < limit and bytes < max_bytes do
  local first, last = told + 1, math.min(told + PART, #users, limit)
  for at, packed in ipairs(redis.call('HMGET', members_key(channel), unpack(users, first, last))) do
    local user, attributes = users[told + 1], cmsgpack.unpack(packed)[1]
    table.insert(answer, user)
    table.insert(answer, attributes)
    told = told + 1
    bytes = bytes + #user + #attributes
    if bytes >= max_bytes then break end
  end
end
if told < #users then answer[7] = 1 end
return answer
