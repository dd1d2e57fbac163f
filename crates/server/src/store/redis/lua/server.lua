-- Stands before each script.
--
-- KEYS[1]  the partition's metadata, a hash: epoch, server, seq, forgotten, born; entry_bytes: what entries of the log take;
--          earlier: the epochs of lives that have left something behind, the first of them first. The names of all other keys
--          begin with its name and the epoch, and the partition in braces puts them into the same slot. In a Cluster they
--          follow here, so that none of them is half-way to another server while the script runs.
--
-- Every answer begins with a word: what came of it. Then the epoch and the time of Redis in milliseconds follow.

local meta = KEYS[1]

local function server_id()
  return string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
end

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local now = now_ms()
local known = redis.call('HMGET', meta, 'epoch', 'server', 'seq', 'forgotten', 'born', 'entry_bytes')
local epoch = known[1]
-- Another server may lack what this one wrote last, and would give the same numbers to other transitions.
local alive = epoch and known[2] == server_id()
