-- Stands between `common.lua` and the scripts that change members.

-- About so many entries of the log are kept; fewer where they are long, so that it takes about so many bytes, but at least a
-- few.
local LOG_ENTRIES, LOG_BYTES, FEW_ENTRIES = 1000, 4 * 1024 * 1024, 16
-- How long an owner that has gone is remembered, in milliseconds.
local REMEMBERED_MS = 60000

local first_seq = seq
local told = {}
-- The channels that were told of: the last number, or false where no member is left.
local touched = {}

local function find_member(channel, user)
  local packed = redis.call('HGET', members_key(channel), user)
  return packed and unpack_member(packed)
end

local function keep_member(channel, user, member)
  redis.call('HSET', members_key(channel), user, pack_member(member))
end

local function find_owner(member, id)
  for _, owner in ipairs(member.owners) do
    if owner.id == id then return owner end
  end
end

local function tell(kind, channel, user, attributes)
  seq = seq + 1
  touched[channel] = seq
  table.insert(told, kind)
  table.insert(told, channel)
  table.insert(told, user)
  table.insert(told, attributes or '')
  return 'C'
end

-- `member`: what `find_member` gave, as in `remove`.
local function join(channel, user, member, owner, node, attempt)
  local new = { id = owner, node = node, attempt = attempt, lingering = 0 }
  if not member then
    member = { attributes = '', set_epoch = '', set_seq = 0, owners = { new } }
    keep_member(channel, user, member)
    redis.call('ZADD', order_key(channel), 0, user)
    redis.call('SADD', user_key(user_of(channel, user)), channel)
    redis.call('ZINCRBY', sizes_key(application_of(channel)), 1, channel)
    return tell('j', channel, user)
  end
  local known = find_owner(member, owner)
  if known then
    known.node, known.attempt, known.lingering = node, attempt, 0
  else
    table.insert(member.owners, new)
  end
  keep_member(channel, user, member)
  return 'U'
end

-- Ends the owners for which `goes(owner)`; `kind` says how observers are told.
local function remove(channel, user, member, goes, kind)
  if not member then return 'I' end
  local stay = {}
  for _, owner in ipairs(member.owners) do
    if not goes(owner) then table.insert(stay, owner) end
  end
  if #stay == #member.owners then return 'I' end
  member.owners = stay
  if #stay > 0 then
    keep_member(channel, user, member)
    return 'U'
  end
  redis.call('HDEL', members_key(channel), user)
  redis.call('ZREM', order_key(channel), user)
  redis.call('SREM', user_key(user_of(channel, user)), channel)
  local effect = tell(kind, channel, user)
  local sizes = sizes_key(application_of(channel))
  if tonumber(redis.call('ZINCRBY', sizes, -1, channel)) < 1 then
    redis.call('ZREM', sizes, channel)
    redis.call('DEL', members_key(channel))
    forgotten = seq
    touched[channel] = false
  end
  return effect
end

-- Writes the log and the numbers. After it, nothing is changed any more.
local function finish()
  if seq == first_seq then return end
  for channel, channel_seq in pairs(touched) do
    if channel_seq then redis.call('HSET', members_key(channel), '', channel_seq) end
  end
  local bytes = 0
  for _, word in ipairs(told) do bytes = bytes + #word end
  -- What an entry takes, the latest above all.
  local entry_bytes = math.ceil(((tonumber(known[6]) or bytes) * 15 + bytes) / 16)
  local entries = math.max(FEW_ENTRIES, math.min(LOG_ENTRIES, math.floor(LOG_BYTES / entry_bytes)))
  redis.call('HSET', meta, 'seq', seq, 'forgotten', forgotten, 'entry_bytes', entry_bytes)
  redis.call('XADD', log_key, 'MAXLEN', '~', entries, string.format('%.0f-0', seq), 'f', first_seq, unpack(told))
end
