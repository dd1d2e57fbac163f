-- The channels of this partition that a user is a member of.
--
-- ARGV[2]  the application, a zero byte and the user
-- KEYS     user
--
-- Answers {'channels', epoch, now, channels}.

return { 'channels', epoch, now, redis.call('SMEMBERS', user_key(ARGV[2])) }
