-- needs: guard clock lanes waiting options endings
-- The options of a job that is run again: a time to start that is over no longer counts.
local function without_expiry(text)
  local ok, options = pcall(cjson.decode, text)
  if not ok or type(options) ~= 'table' or not options.not_after then return text end
  options.not_after = nil
  options.expired = nil
  return next(options) and cjson.encode(options) or '{}'
end

-- Runs a job that ended again: with all of its attempts, or with `keep` with one more than it used.
-- Returns true, or false when the job is gone or not in a final state. One that was canceled is run
-- again only `by_name`, not with all that failed: RQ may have taken it for a running one and left it in
-- the failed registry.
local function retry(p, id, keep, by_name, now)
  local key = p .. ':job:' .. id
  local ok, job = pcall(redis.call, 'HMGET', key, 'status', 'origin', 'rate_limit_key',
    'rate_limit_concurrency', 'data', 'atlas')
  if not ok or not job[2] or not job[5] then return false end
  if job[1] ~= 'failed' and job[1] ~= 'stopped' and not (by_name and job[1] == 'canceled') then
    return false
  end
  local lane = job[2]
  redis.call('ZREM', p .. ':failed:' .. lane, id)
  redis.call('ZREM', p .. ':canceled:' .. lane, id)
  redis.call('HDEL', p .. ':atlas:quarantine', id)
  redis.call('PERSIST', key)
  redis.call('PERSIST', p .. ':results:' .. id)
  redis.call('HDEL', key, 'ended_at', 'started_at', 'stalls', 'alone', 'lost_alone', 'fence',
    'worker_name')
  local status = place(p, lane, id, job[3], job[4], false, now)
  redis.call('HSET', key, 'status', status, 'enqueued_at', iso(now))
  if not keep then redis.call('HSET', key, 'attempt', 0) end
  local o = options_of(job[6])
  if o then
    redis.call('HSET', key, 'atlas', without_expiry(job[6]))
    if o.parent then child_moved(p, o.parent, id, 'pending', now) end
  end
  redis.call('SADD', p .. ':queues', p .. ':queue:' .. lane)
  wake(p, queue_of(lane))
  return true
end
