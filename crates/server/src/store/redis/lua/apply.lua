-- Applies a batch, once.
--
-- ARGV[2]  the node's incarnation
-- ARGV[3]  the number of the batch
-- ARGV[4…] eight for each op: action, channel, user, owner, attempt, attributes, and where they were set: epoch, number
-- KEYS     leases, last, log, the node's; members, order, user, gone, sizes of each op
--
-- Answers {'applied', epoch, now, number, effects, seq}, an effect a letter: C changed, U unchanged, I ignored;
-- {'fenced', epoch, now}.

local node, number = ARGV[2], tonumber(ARGV[3])

local until_ms = tonumber(redis.call('ZSCORE', leases_key, node) or nil)
if not until_ms then return { 'fenced', epoch, now } end
local last = redis.call('HGET', last_key, node)
if last then
  local last_number, effects, last_seq = string.match(last, '^(%d+) (%a*) (%d+)$')
  if number <= tonumber(last_number) then
    return { 'applied', epoch, now, tonumber(last_number), effects, tonumber(last_seq) }
  end
end
if until_ms <= now then return { 'fenced', epoch, now } end

-- What is still on its way from an attempt before the one that has gone must not bring it back.
local function has_gone(channel, user, owner, attempt)
  local latest = redis.call('GET', gone_key(user_of(channel, user), owner))
  return latest and tonumber(latest) > attempt
end

local function note_gone(channel, user, owner, attempt)
  local gone = gone_key(user_of(channel, user), owner)
  local latest = tonumber(redis.call('GET', gone) or nil) or 0
  redis.call('SET', gone, math.max(latest, attempt), 'PX', REMEMBERED_MS)
end

local function set(channel, user, member, owner, attributes, set_epoch, set_seq, restores)
  if not member or not find_owner(member, owner) then return 'I' end
  if restores then
    local newer = member.set_epoch < set_epoch or (member.set_epoch == set_epoch and member.set_seq < set_seq)
    if not newer then return 'I' end
  end
  member.set_epoch, member.set_seq = set_epoch, set_seq
  local same = member.attributes == attributes
  member.attributes = attributes
  keep_member(channel, user, member)
  return same and 'U' or tell('s', channel, user, attributes)
end

local function apply(action, channel, user, owner, attempt, attributes, set_epoch, set_seq)
  local member = find_member(channel, user)
  local known = member and find_owner(member, owner)
  if known and known.attempt > attempt then return 'I' end
  if action == 'join' then
    if has_gone(channel, user, owner, attempt) then return 'I' end
    return join(channel, user, member, owner, node, attempt)
  elseif action == 'set' then
    if has_gone(channel, user, owner, attempt) then return 'I' end
    return set(channel, user, member, owner, attributes, epoch, seq + 1, false)
  elseif action == 'restore' then
    if has_gone(channel, user, owner, attempt) then return 'I' end
    return set(channel, user, member, owner, attributes, set_epoch, set_seq, true)
  elseif action == 'linger' then
    if not known then return 'I' end
    known.attempt, known.lingering = attempt, 1
    keep_member(channel, user, member)
    return 'U'
  end
  note_gone(channel, user, owner, attempt)
  if action == 'leave' then
    return remove(channel, user, member, function(one) return one.id == owner or one.lingering == 1 end, 'l')
  elseif action == 'goodbye' then
    return remove(channel, user, member, function(one) return one.id == owner end, 'l')
  end
  return remove(channel, user, member, function(one) return one.id == owner and one.node == node end, 't')
end

-- What the node speaks for, of this op. Nodes that an owner moved away from see to it themselves when they end it.
local function index(channel, user)
  local member = find_member(channel, user)
  local speaks = false
  for _, owner in ipairs(member and member.owners or {}) do
    speaks = speaks or owner.node == node
  end
  local entry = channel .. '\0' .. user
  if speaks then
    redis.call('ZADD', node_key(node), 0, entry)
  else
    redis.call('ZREM', node_key(node), entry)
  end
end

local effects = {}
for at = 4, #ARGV, 8 do
  local channel, user = ARGV[at + 1], ARGV[at + 2]
  local effect = apply(
    ARGV[at], channel, user, ARGV[at + 3], tonumber(ARGV[at + 4]),
    ARGV[at + 5], ARGV[at + 6], tonumber(ARGV[at + 7])
  )
  table.insert(effects, effect)
  if ARGV[at] ~= 'set' and ARGV[at] ~= 'restore' then index(channel, user) end
end
finish()
effects = table.concat(effects)
redis.call('HSET', last_key, node, string.format('%.0f %s %.0f', number, effects, seq))
return { 'applied', epoch, now, number, effects, seq }
