-- Stands before each script that works on a life of the partition.
--
-- ARGV[1]  its epoch
--
-- Answers {'unborn', epoch or '', now} where there is none, or another server took over, and {'reborn', epoch, now} where it
-- is another one.

if not alive then return { 'unborn', epoch or '', now } end
if ARGV[1] ~= epoch then return { 'reborn', epoch, now } end

local seq = tonumber(known[3]) or 0
local forgotten = tonumber(known[4]) or 0

-- Whose keys are named: `tidy.lua` names those of an earlier one.
local life = epoch

local function key(kind, rest)
  return meta .. ':' .. life .. ':' .. kind .. (rest or '')
end

-- Channels and users begin with the application and a zero byte.
local function application_of(channel)
  return string.match(channel, '^(%Z*)%z')
end

local function user_of(channel, user)
  return application_of(channel) .. '\0' .. user
end

-- The members of a channel: a hash from user to what `pack_member` gives; the field '' holds the channel's last number.
local function members_key(channel) return key('m:', channel) end
-- The users of a channel, in order: a sorted set.
local function order_key(channel) return key('o:', channel) end
-- The channels of a user: a set. `user` is the application, a zero byte and the user.
local function user_key(user) return key('u:', user) end
-- The channels of an application by their members: a sorted set.
local function sizes_key(application) return key('s:', application) end
-- What an incarnation of a node speaks for: a sorted set of channel, zero byte, user.
local function node_key(node) return key('n:', node) end
-- The greatest attempt of an owner that has gone, for a while.
local function gone_key(user, owner) return key('g:', user .. '\0' .. owner) end
-- Until when each incarnation holds a lease: a sorted set.
local leases_key = key('leases')
-- The last batch of each incarnation: a hash to number, effects and sequence.
local last_key = key('last')
-- The log: a stream whose ids are the last sequence of a batch. Fields: 'f' and the number before the first transition, then
-- for each transition its kind and its channel, its user and its attributes.
local log_key = key('log')

-- A member: {attributes, epoch and number of the last set, owners: {id, node, attempt, lingering}}.
local function unpack_member(packed)
  local flat = cmsgpack.unpack(packed)
  local member = { attributes = flat[1], set_epoch = flat[2], set_seq = flat[3], owners = {} }
  for at = 4, #flat, 4 do
    table.insert(member.owners, { id = flat[at], node = flat[at + 1], attempt = flat[at + 2], lingering = flat[at + 3] })
  end
  return member
end

local function pack_member(member)
  local flat = { member.attributes, member.set_epoch, member.set_seq }
  for _, owner in ipairs(member.owners) do
    table.insert(flat, owner.id)
    table.insert(flat, owner.node)
    table.insert(flat, owner.attempt)
    table.insert(flat, owner.lingering)
  end
  return cmsgpack.pack(flat)
end
