--[[
  The housekeeping that any worker may do, at most once a second over all of them: promotes due
  jobs, finds what stock RQ producers scheduled or enqueued, drops what is kept long enough, notes
  each queue's depth for the history, recounts the fair lanes and looks after parked jobs.

  KEYS[1] RQ key prefix
  ARGV[1] most jobs to promote, and to drop  [2] canceled jobs kept by count  [3] kept for s
  ARGV[4] number of queues, then their full names
  Returns { 1 if it was our turn, promoted, dropped }
]]
-- @include clock lanes waiting schedule retention metrics options deferred keyed
local p = KEYS[1]
-- A limit, not a lock: two sweeps at once would be correct too, only wasteful.
if not redis.call('SET', p .. ':atlas:swept', '1', 'NX', 'PX', 900) then return {0, 0, 0} end
local now = clock_ms()
local limit = tonumber(ARGV[1])
local metrics_key = p .. ':atlas:metrics:' .. math.floor(now / 60000)
local dropped = 0

local function recount(lane)
  local depth = 0
  for _, org in ipairs(redis.call('ZRANGE', p .. ':atlas:ring:' .. lane, 0, -1)) do
    local waiting = redis.call('ZCARD', p .. ':rl:' .. lane .. '|' .. org .. ':rate_limited')
    if waiting == 0 then settle_ring(p, lane, org, false) end
    depth = depth + waiting
  end
  if depth > 0 then
    redis.call('HSET', p .. ':atlas:depth', lane, depth)
  else
    redis.call('HDEL', p .. ':atlas:depth', lane)
  end
  return depth
end

local function expire(registry, lane)
  local key = p .. ':' .. registry .. ':' .. lane
  local ids = redis.call('ZRANGEBYSCORE', key, '-inf', math.floor(now / 1000), 'LIMIT', 0, limit)
  if #ids == 0 then return end
  redis.call('ZREM', key, unpack(ids))
  forget(p, ids)
  dropped = dropped + #ids
end

-- RQ's own tools score a canceled job by the moment it was canceled and let it stay for ever: it
-- gets its time from now on. One of ours has an hour left to live when its time is over.
local function keep_canceled(lane, kept_s)
  local key, now_s = p .. ':canceled:' .. lane, math.floor(now / 1000)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', key, '-inf', now_s, 'LIMIT', 0, limit)) do
    local ttl_s = redis.call('TTL', p .. ':job:' .. id)
    if ttl_s == -1 or ttl_s > 3660 then
      redis.call('ZADD', key, now_s + kept_s, id)
      redis.call('EXPIRE', p .. ':job:' .. id, kept_s + 3600)
    end
  end
end

for i = 1, tonumber(ARGV[4]) do
  local queue = ARGV[4 + i]
  local waiting = 0
  for _, suffix in ipairs(LANE_SUFFIXES) do
    local lane = queue .. suffix
    index_due(p, lane)
    expire('finished', lane)
    expire('failed', lane)
    keep_canceled(lane, tonumber(ARGV[3]))
    expire('canceled', lane)
    local listed = redis.call('LLEN', p .. ':queue:' .. lane)
    waiting = waiting + listed
    if redis.call('EXISTS', p .. ':atlas:ring:' .. lane) == 1 then waiting = waiting + recount(lane) end
  end
  -- What RQ's own tools cancel is counted by nobody else.
  trim(p, 'canceled', queue, tonumber(ARGV[2]))
  -- Stock producers set no marker.
  if waiting > 0 and redis.call('HEXISTS', p .. ':atlas:paused', queue) == 0 then wake(p, queue) end
  redis.call('HSET', metrics_key, queue .. '||depth', waiting)
  -- A job that stalled and was then deleted would stay in view for ever.
  redis.call('ZREMRANGEBYSCORE', p .. ':atlas:stalled:' .. queue, '-inf', now - 86400000)
end
-- A job that was deleted while it ran let nobody else go.
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
  if redis.call('EXISTS', key) == 0 then
    redis.call('SREM', p .. ':workers', key)
    for i = 1, tonumber(ARGV[3]) do
      for _, suffix in ipairs(LANE_SUFFIXES) do
        redis.call('SREM', p .. ':workers:' .. ARGV[3 + i] .. suffix, key)
      end
    end
  end
end
for _, worker in ipairs(redis.call('HKEYS', p .. ':atlas:quiet')) do
  if redis.call('EXISTS', p .. ':worker:' .. worker) == 0 then redis.call('HDEL', p .. ':atlas:quiet', worker) end
end
redis.call('EXPIRE', metrics_key, METRICS_TTL_S)
local promoted = promote(p, now, limit)
return {1, promoted, dropped}
