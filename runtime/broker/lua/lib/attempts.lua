-- Ending an attempt: what every way of ending one has in common.
-- RQ's result types (rq/results.py): 1 successful, 2 failed, 4 retried.
local MAX_ATTEMPTS_KEPT = 50

-- A counter out of a job's hash, whatever stands there.
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

-- Takes an execution out of every place that says it runs.
local function clear_execution(p, lane, queue, id, execution, worker)
  local member = id .. ':' .. execution
  redis.call('ZREM', p .. ':wip:' .. lane, member)
  redis.call('ZREM', p .. ':atlas:leases:' .. queue, member)
  if worker and worker ~= '' then redis.call('SREM', p .. ':worker:' .. worker .. ':executions', member) end
end

local function fail_job(p, lane, queue, id, now, ttl_s)
  redis.call('HSET', p .. ':job:' .. id, 'status', 'failed', 'ended_at', iso(now))
  redis.call('ZADD', p .. ':failed:' .. lane, math.floor(now / 1000) + ttl_s, id)
  redis.call('ZREM', p .. ':atlas:stalled:' .. queue, id)
  -- The registry's sweep removes the job; the expiry is for the case that no worker ever runs again.
  redis.call('EXPIRE', p .. ':job:' .. id, ttl_s + 3600)
  redis.call('EXPIRE', p .. ':results:' .. id, ttl_s + 3600)
  redis.call('SADD', p .. ':queues', p .. ':queue:' .. lane)
end

local function cancel_job(p, lane, id, now, ttl_s)
  redis.call('HSET', p .. ':job:' .. id, 'status', 'canceled', 'ended_at', iso(now))
  -- Scored by when it was canceled, as RQ does.
  redis.call('ZADD', p .. ':canceled:' .. lane, math.floor(now / 1000), id)
  redis.call('EXPIRE', p .. ':job:' .. id, ttl_s + 3600)
end
