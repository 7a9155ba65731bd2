-- needs: guard
-- Where a job waits. In plain queues: RQ's list. In fair queues: RQ's own rate-limit registry for
-- the key 'lane|org' (rq/rate_limit.py), with a ring of the organisations that wait, ordered by
-- virtual time, and the arrival time of each one's oldest job beside it.

-- The organisation of a fair job, or nil when the key is not one of ours (a stock RQ RateLimit).
local function org_of(lane, rl_key)
  local head = lane .. '|'
  if rl_key and string.sub(rl_key, 1, #head) == head then
    return string.sub(rl_key, #head + 1)
  end
  return nil
end

-- RQ's status words (rq/job.py, JobStatus).
local STATUSES = {created = true, queued = true, finished = true, failed = true, started = true,
  deferred = true, scheduled = true, stopped = true, canceled = true, rate_limited = true,
  ready_to_enqueue = true}

local function wake(p, queue)
  redis.call('ZADD', p .. ':atlas:marker:' .. queue, 0, '0')
end

-- Jobs placed by one call keep their order: each is scored a microsecond after the one before.
local placed = 0

-- Lets an organisation that has a job waiting take part, if it does not already. A newcomer starts at
-- the virtual time of the one served last: no credit for having been away.
local function join_ring(p, lane, org)
  local ring = p .. ':atlas:ring:' .. lane
  if redis.call('ZSCORE', ring, org) then return false end
  redis.call('ZADD', ring, number(redis.call('HGET', p .. ':atlas:vclock', lane), 0), org)
  return true
end

-- Puts a fair job among its organisation's waiting ones; returns the status it has there.
local function place_fair(p, lane, id, org, cap, front, now)
  local rl = p .. ':rl:' .. lane .. '|' .. org
  local waiting = rl .. ':rate_limited'
  local heads = p .. ':atlas:heads:' .. lane
  placed = placed + 1
  local score = now / 1000 + placed / 1e6
  if front then
    local head = redis.call('ZRANGE', waiting, 0, 0, 'WITHSCORES')
    if head[2] then score = math.min(score, tonumber(head[2])) - 1e-6 end
  end
  if redis.call('ZADD', waiting, string.format('%.6f', score), id) == 1 then
    redis.call('HINCRBY', p .. ':atlas:depth', lane, 1)
  end
  if join_ring(p, lane, org) then
    redis.call('SADD', p .. ':rl-keys', lane .. '|' .. org)
    redis.call('HSET', rl, 'concurrency', cap or 1)
  end
  redis.call('ZADD', heads, 'LT', string.format('%.6f', score), org)
  return 'rate_limited'
end

-- Puts a job where it waits; returns the status to write into its hash ('queued' or
-- 'rate_limited', RQ's words). `rl_key` is the job's rate_limit_key or false.
local function place(p, lane, id, rl_key, cap, front, now)
  local org = org_of(lane, rl_key)
  if org then return place_fair(p, lane, id, org, cap, front, now) end
  redis.call(front and 'LPUSH' or 'RPUSH', p .. ':queue:' .. lane, id)
  return 'queued'
end

-- What operators set for an organisation: its weight (1 is usual) and its cap.
local has_limits
local function limits_of(p, org, cap)
  local key = p .. ':atlas:orgs'
  if has_limits == nil then has_limits = redis.call('EXISTS', key) == 1 end
  local set = has_limits and redis.call('HGET', key, org)
  if not set then return 1, cap end
  local weight, own = string.match(set, '^([%d.]+)|(%d*)$')
  weight = tonumber(weight)
  return weight and weight > 0 and weight or 1, tonumber(own) or cap
end

-- After a job left an organisation's waiting set: its place in the ring follows. `step` is what a
-- job that was served costs in virtual time, false when none was.
local function settle_ring(p, lane, org, step)
  local ring, heads = p .. ':atlas:ring:' .. lane, p .. ':atlas:heads:' .. lane
  local head = redis.call('ZRANGE', p .. ':rl:' .. lane .. '|' .. org .. ':rate_limited', 0, 0, 'WITHSCORES')
  if #head == 0 then
    redis.call('ZREM', ring, org)
    redis.call('ZREM', heads, org)
  else
    if step then redis.call('ZINCRBY', ring, step, org) end
    redis.call('ZADD', heads, head[2], org)
  end
end

-- Frees the slot that a fair job held in its organisation's cap.
local function free_slot(p, lane, id, rl_key)
  if org_of(lane, rl_key) then
    redis.call('ZREM', p .. ':rl:' .. rl_key .. ':allowed', id)
  end
end

-- Removes a waiting job from wherever it waits.
local function unplace(p, lane, id, rl_key)
  local org = org_of(lane, rl_key)
  if org and redis.call('ZREM', p .. ':rl:' .. rl_key .. ':rate_limited', id) == 1 then
    redis.call('HINCRBY', p .. ':atlas:depth', lane, -1)
    settle_ring(p, lane, org, false)
  end
  redis.call('LREM', p .. ':queue:' .. lane, 0, id)
  free_slot(p, lane, id, rl_key)
end
