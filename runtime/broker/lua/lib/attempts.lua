-- needs: guard clock
-- What all ways of ending an attempt have in common.
-- RQ's result types (rq/results.py): 1 successful, 2 failed, 4 retried.
local MAX_ATTEMPTS_KEPT = 50

-- A counter of a job's hash; `default` if the field holds something else.
local function counter(value, default)
  local n = tonumber(value)
  if not n or n ~= n or n < 0 or n > 1e6 then return default end
  return math.floor(n)
end

-- RQ's execution record exists only if the lease was renewed at least once.
local function drop_execution(p, id, execution)
  redis.call('DEL', p .. ':execution:' .. id .. ':' .. execution)
  -- By then another worker may run the job, whose entry is in the same index.
  redis.call('ZREM', p .. ':executions:' .. id, execution)
end

-- Removes an execution from every place that lists it as running.
local function clear_execution(p, lane, queue, id, execution, worker)
  local member = id .. ':' .. execution
  redis.call('ZREM', p .. ':wip:' .. lane, member)
  redis.call('ZREM', p .. ':atlas:leases:' .. queue, member)
  if worker and worker ~= '' then redis.call('SREM', p .. ':atlas:held:' .. worker, member) end
end

-- How long a stock job is kept when it is over, in seconds (its result_ttl or failure_ttl).
-- RQ: without one the worker's default applies; a negative number means for ever.
local FOR_EVER = math.huge
local function kept_s(text, default)
  local seconds = tonumber(text)
  if not seconds or seconds ~= seconds then return default end
  return seconds < 0 and FOR_EVER or math.min(math.floor(seconds), 3e8)
end

-- The score of a job in a final registry: when it expires (rq/registry.py, add).
local function kept_until(now, ttl_s)
  return ttl_s == FOR_EVER and '+inf' or math.floor(now / 1000) + ttl_s
end

-- The sweep removes jobs; the expiry is for the case that no worker runs any more.
local function expire_key(key, ttl_s)
  if ttl_s == FOR_EVER then
    raw.call('PERSIST', key)
  else
    raw.call('EXPIRE', key, ttl_s + 3600)
  end
end

local function fail_job(p, lane, queue, id, now, ttl_s)
  redis.call('HSET', p .. ':job:' .. id, 'status', 'failed', 'ended_at', iso(now))
  redis.call('ZADD', p .. ':failed:' .. lane, kept_until(now, ttl_s), id)
  redis.call('ZREM', p .. ':atlas:stalled:' .. queue, id)
  expire_key(p .. ':job:' .. id, ttl_s)
  expire_key(p .. ':results:' .. id, ttl_s)
  redis.call('SADD', p .. ':queues', p .. ':queue:' .. lane)
end

local function cancel_job(p, lane, id, now, ttl_s)
  redis.call('HSET', p .. ':job:' .. id, 'status', 'canceled', 'ended_at', iso(now))
  -- Scored by when it was canceled, as RQ does.
  redis.call('ZADD', p .. ':canceled:' .. lane, math.floor(now / 1000), id)
  expire_key(p .. ':job:' .. id, ttl_s)
end
