--[[
  The housekeeping that any worker may do, at most once a second over all of them: promotes due
  jobs, finds what stock RQ producers scheduled or enqueued, drops what is kept long enough, notes
  each queue's depth for the history and recounts the fair lanes.

  KEYS[1] RQ key prefix
  ARGV[1] most jobs to promote, and to drop  [2] number of queues, then their full names
  Returns { 1 if it was our turn, promoted, dropped }
]]
-- @include guard turn clock lanes waiting schedule retention metrics
local p = KEYS[1]
-- A limit, not a lock: two sweeps at once would be correct too, only wasteful.
if not our_turn(p .. ':atlas:swept') then return {0, 0, 0} end
local now = clock_ms()
local limit = tonumber(ARGV[1])
local metrics_key = p .. ':atlas:metrics:' .. math.floor(now / 60000)
local dropped = 0

-- Frees what a job that is gone, or does not run, still holds of its organisation's cap: one that
-- a foreign hand deleted while it ran.
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

local function expire(registry, lane)
  local key = p .. ':' .. registry .. ':' .. lane
  local ids = redis.call('ZRANGEBYSCORE', key, '-inf', math.floor(now / 1000), 'LIMIT', 0, limit)
  if #ids == 0 then return end
  redis.call('ZREM', key, unpack(ids))
  forget(p, ids)
  dropped = dropped + #ids
end

for i = 1, tonumber(ARGV[2]) do
  local queue = ARGV[2 + i]
  local waiting = 0
  for _, suffix in ipairs(LANE_SUFFIXES) do
    local lane = queue .. suffix
    index_due(p, lane)
    expire('finished', lane)
    expire('failed', lane)
    expire('canceled', lane)
    local listed = redis.call('LLEN', p .. ':queue:' .. lane)
    waiting = waiting + listed
    if redis.call('EXISTS', p .. ':atlas:ring:' .. lane) == 1 then waiting = waiting + recount(lane) end
  end
  -- Stock producers set no marker.
  if waiting > 0 and redis.call('HEXISTS', p .. ':atlas:paused', queue) == 0 then wake(p, queue) end
  redis.call('HSET', metrics_key, queue .. '||depth', waiting)
  -- A job that stalled and was then deleted would stay in view for ever.
  redis.call('ZREMRANGEBYSCORE', p .. ':atlas:stalled:' .. queue, '-inf', now - 86400000)
end
-- Workers that died without a good-bye: their entries have expired (rq/worker_registration.py).
for _, key in ipairs(redis.call('SMEMBERS', p .. ':workers')) do
  if redis.call('HEXISTS', key, 'birth') == 0 then
    redis.call('SREM', p .. ':workers', key)
    for i = 1, tonumber(ARGV[2]) do
      for _, suffix in ipairs(LANE_SUFFIXES) do
        redis.call('SREM', p .. ':workers:' .. ARGV[2 + i] .. suffix, key)
      end
    end
  end
end
redis.call('EXPIRE', metrics_key, METRICS_TTL_S)
local promoted = promote(p, now, limit)
return {1, promoted, dropped}
