--[[
  Housekeeping, done by any worker, once a second over all of them: promotes due jobs, finds what
  stock RQ producers scheduled or enqueued, drops what was kept long enough, records each queue's
  depth, recounts the fair lanes and looks after parked jobs.

  KEYS[1] what all keys begin with: the RQ key prefix and ':'
  ARGV[1] most jobs to promote, and to drop  [2] canceled jobs kept for s  [3] and by count
  ARGV[4] number of queues, then their full names
  Returns { 1, or 0 if another worker did it within this second, promoted, dropped }
]]
-- @include guard turn clock lanes waiting schedule seen retention metrics deferred keyed
-- A limit, not a lock: two sweeps at once would be correct too, only wasteful.
if not our_turn(p .. ':atlas:swept') then return {0, 0, 0} end
local now = clock_ms()
local limit, canceled_s = tonumber(ARGV[1]), tonumber(ARGV[2])
local metrics_key = p .. ':atlas:metrics:' .. math.floor(now / 60000)
local dropped = 0

-- Frees the slots that jobs which are gone, or do not run, still hold in their organisation's cap:
-- another program may have deleted a job whose worker was lost.
local STALE_S = 60
local function free_stale(lane, org)
  local allowed = p .. ':rl:' .. lane .. '|' .. org .. ':allowed'
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', allowed, '-inf', now / 1000 - STALE_S)) do
    local ok, status = pcall(redis.call, 'HGET', p .. ':job:' .. id, 'status')
    if not ok or status ~= 'started' then redis.call('ZREM', allowed, id) end
  end
end

local function recount(lane)
  local depth = 0
  for _, org in ipairs(redis.call('ZRANGE', p .. ':atlas:ring:' .. lane, 0, -1)) do
    local waiting = redis.call('ZCARD', p .. ':rl:' .. lane .. '|' .. org .. ':rate_limited')
    if waiting == 0 then settle_ring(p, lane, org, false) end
    free_stale(lane, org)
    depth = depth + waiting
  end
  if depth > 0 then
    redis.call('HSET', p .. ':atlas:depth', lane, depth)
  else
    redis.call('HDEL', p .. ':atlas:depth', lane)
  end
  return depth
end

-- Goes through all organisations, so many a call: RQ's tools free no slot of a job that ran when it was
-- deleted, and what they requeue at a cap waits without a place in the ring.
local ORGS_A_CALL = 1000
local function visit_orgs(lanes)
  local book = p .. ':atlas:swept-orgs'
  local from = string.match(redis.call('GET', book) or '', '^%d+$') or '0'
  local cursor, keys = unpack(redis.call('SSCAN', p .. ':rl-keys', from, 'COUNT', ORGS_A_CALL))
  redis.call('SET', book, cursor)
  for _, rl_key in ipairs(keys) do
    local lane, org = string.match(rl_key, '^([^|]*)|(.*)$')
    if lanes[lane] then
      free_stale(lane, org)
      if redis.call('EXISTS', p .. ':rl:' .. rl_key .. ':rate_limited') == 1 and join_ring(p, lane, org) then
        settle_ring(p, lane, org, false)
      end
    end
  end
end

-- Jobs of a registry whose score is `age_s` or more in the past.
local function expire(registry, lane, age_s)
  local key = p .. ':' .. registry .. ':' .. lane
  local ids = redis.call('ZRANGEBYSCORE', key, '-inf', math.floor(now / 1000) - age_s, 'LIMIT', 0, limit)
  if #ids == 0 then return end
  redis.call('ZREM', key, unpack(ids))
  forget(p, ids)
  dropped = dropped + #ids
end

local lanes = {}
for i = 1, tonumber(ARGV[4]) do
  for _, suffix in ipairs(LANE_SUFFIXES) do lanes[ARGV[4 + i] .. suffix] = true end
end
visit_orgs(lanes)
for i = 1, tonumber(ARGV[4]) do
  local queue = ARGV[4 + i]
  local waiting = 0
  for _, suffix in ipairs(LANE_SUFFIXES) do
    local lane = queue .. suffix
    index_due(p, lane)
    expire('finished', lane, 0)
    expire('failed', lane, 0)
    -- RQ scores them by when they were canceled, unlike the others (rq/job.py, cancel).
    expire('canceled', lane, canceled_s)
    local listed = redis.call('LLEN', p .. ':queue:' .. lane)
    waiting = waiting + listed
    if redis.call('EXISTS', p .. ':atlas:ring:' .. lane) == 1 then waiting = waiting + recount(lane) end
  end
  -- What RQ's own tools cancel is counted by nobody else.
  trim(p, 'canceled', queue, tonumber(ARGV[3]), now)
  -- Stock producers set no marker.
  if waiting > 0 and redis.call('HEXISTS', p .. ':atlas:paused', queue) == 0 then wake(p, queue) end
  redis.call('HSET', metrics_key, queue .. '||depth', waiting)
  -- A job that stalled and was then deleted would stay in view for ever.
  redis.call('ZREMRANGEBYSCORE', p .. ':atlas:stalled:' .. queue, '-inf', now - 86400000)
end
-- A job that was deleted while it ran did not free its place.
for _, key in ipairs(redis.call('SRANDMEMBER', p .. ':atlas:parked-keys', 20)) do
  for _, id in ipairs(redis.call('SMEMBERS', running_of(p, key))) do
    if redis.pcall('HGET', p .. ':job:' .. id, 'status') ~= 'started' then
      release_key(p, id, {key = key}, now)
    end
  end
  if redis.call('EXISTS', running_of(p, key)) == 0 then unpark(p, key, now) end
end
-- Workers that died without a good-bye: their entries have expired (rq/worker_registration.py).
for _, key in ipairs(redis.call('SMEMBERS', p .. ':workers')) do
  if redis.call('HEXISTS', key, 'birth') == 0 then
    redis.call('SREM', p .. ':workers', key)
    for i = 1, tonumber(ARGV[4]) do
      for _, suffix in ipairs(LANE_SUFFIXES) do
        redis.call('SREM', p .. ':workers:' .. ARGV[4 + i] .. suffix, key)
      end
    end
  end
end
for _, worker in ipairs(redis.call('HKEYS', p .. ':atlas:quiet')) do
  if redis.call('EXISTS', p .. ':worker:' .. worker) == 0 then redis.call('HDEL', p .. ':atlas:quiet', worker) end
end
-- Left to expire by itself, a large set would hold up Redis while it is freed.
redis.call('UNLINK', seen_key(p, now, 2))
redis.call('EXPIRE', metrics_key, METRICS_TTL_S)
local promoted = promote(p, now, limit)
return {1, promoted, dropped}
