-- needs: guard clock lanes waiting
-- A job that waits for other jobs (its children, or those of its key) is in RQ's deferred registry,
-- scored by the time it was put there (rq/registry.py, DeferredJobRegistry).
local function defer(p, lane, id, now)
  redis.call('ZADD', p .. ':deferred:' .. lane, string.format('%.3f', now / 1000), id)
  redis.call('SADD', p .. ':queues', p .. ':queue:' .. lane)
  redis.call('HSET', p .. ':job:' .. id, 'status', 'deferred')
end

-- Puts a deferred job into its queue; false when it is not deferred (any more).
local function undefer(p, id, front, now)
  local key = p .. ':job:' .. id
  local ok, job = pcall(redis.call, 'HMGET', key, 'status', 'origin', 'rate_limit_key', 'rate_limit_concurrency')
  if not ok or job[1] ~= 'deferred' or not job[2] then return false end
  redis.call('ZREM', p .. ':deferred:' .. job[2], id)
  local status = place(p, job[2], id, job[3], job[4], front, now)
  redis.call('HSET', key, 'status', status, 'enqueued_at', iso(now))
  redis.call('SADD', p .. ':queues', p .. ':queue:' .. job[2])
  wake(p, queue_of(job[2]))
  return true
end
