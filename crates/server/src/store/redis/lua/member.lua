-- The attributes of a member.
--
-- ARGV[2]  the channel
-- ARGV[3]  the user
-- KEYS     members
--
-- Answers {'member', epoch, now, attributes}, '' where there are none or the user is no member.

local packed = redis.call('HGET', members_key(ARGV[2]), ARGV[3])
return { 'member', epoch, now, packed and cmsgpack.unpack(packed)[1] or '' }
