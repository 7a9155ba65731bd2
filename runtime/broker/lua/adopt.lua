--[[
  Moves jobs of one place (a list or a sorted set) from below an old prefix to below ours, each with
  its entry. What is moved stands before what is there already: it is older. Safe to repeat.

  KEYS[1] what all keys begin with: the RQ key prefix and ':'
  ARGV[1] old prefix  [2] lane  [3] place: the key without its prefix
  ARGV[4] what an entry is: 'id', or 'execution' (job:execution)
  ARGV[5] organisation of a fair lane's waiting set ('' = another place)
  ARGV[6] most entries of this call  [7] entries to pass over: their jobs' ids exist in both
  Returns { moved, passed over in all, entries left behind those }
]]
-- @include guard clock lanes waiting schedule adopt
local old, lane, place_name, kind, org = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local limit, skip = tonumber(ARGV[6]), tonumber(ARGV[7])
local from, to = old .. ':' .. place_name, p .. ':' .. place_name
local moved = 0

local function adopt(entry)
  local id = kind == 'execution' and string.match(entry, '^(.*):') or entry
  if not adopt_job(old, id) then
    skip = skip + 1
    return false
  end
  moved = moved + 1
  return true
end

local held = raw.call('TYPE', from).ok
local left = 0
if held == 'list' then
  -- From the end, so that the order is kept while each goes to the front.
  local ids = raw.call('LRANGE', from, -(skip + limit), -(skip + 1))
  for i = #ids, 1, -1 do
    if adopt(ids[i]) then
      raw.call('LREM', from, -1, ids[i])
      redis.call('LPUSH', to, ids[i])
    end
  end
  left = raw.call('LLEN', from) - skip
elseif held == 'zset' then
  local entries = raw.call('ZRANGE', from, skip, skip + limit - 1, 'WITHSCORES')
  for i = 1, #entries, 2 do
    if adopt(entries[i]) then
      raw.call('ZREM', from, entries[i])
      redis.call('ZADD', to, entries[i + 1], entries[i])
    end
  end
  left = raw.call('ZCARD', from) - skip
end

if moved > 0 then
  if org ~= '' then
    raw.call('HINCRBY', old .. ':atlas:depth', lane, -moved)
    redis.call('HINCRBY', p .. ':atlas:depth', lane, moved)
    redis.call('ZADD', p .. ':atlas:ring:' .. lane, 'NX', number(redis.call('HGET', p .. ':atlas:vclock', lane), 0), org)
    redis.call('SADD', p .. ':rl-keys', lane .. '|' .. org)
    local rl = ':rl:' .. lane .. '|' .. org
    redis.call('HSETNX', p .. rl, 'concurrency', raw.call('HGET', old .. rl, 'concurrency') or 1)
    settle_ring(p, lane, org, false)
  end
  index_due(p, lane)
  redis.call('SADD', p .. ':queues', p .. ':queue:' .. lane)
  wake(p, queue_of(lane))
end
if org ~= '' and raw.call('EXISTS', from) == 0 then
  raw.call('ZREM', old .. ':atlas:ring:' .. lane, org)
  raw.call('ZREM', old .. ':atlas:heads:' .. lane, org)
end
return {moved, skip, left}
