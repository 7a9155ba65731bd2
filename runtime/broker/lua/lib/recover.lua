-- Taking a job back from a worker that will not finish it.

-- Counts one lost execution against the job: back to the front of its queue, or, past the limit,
-- failed as stalled. Returns 'requeued', 'failed' or nil when it was not running under that fence.
local function recover(p, id, execution, now, max_stalled, failed_s, failed_cap, exc_lost, exc_stalled)
  local key = p .. ':job:' .. id
  local ok, job = pcall(redis.call, 'HMGET', key, 'status', 'fence', 'origin', 'stalls', 'attempt',
    'worker_name', 'rate_limit_key', 'rate_limit_concurrency', 'started_at')
  if not ok or job[2] ~= execution or not job[3] then return nil end
  if job[1] ~= 'started' then
    free_slot(p, job[3], id, job[7])
    return nil
  end
  local lane = job[3]
  local queue = queue_of(lane)
  local stalls = counter(job[4], 0) + 1
  local dead = stalls > max_stalled
  local attempt = counter(job[5], 1)
  redis.call('XADD', p .. ':results:' .. id, 'MAXLEN', MAX_ATTEMPTS_KEPT, '*', 'type', dead and 2 or 4,
    'worker_name', job[6] or '', 'execution_id', execution, 'execution_ended_at',
    string.format('%.3f', now / 1000), 'attempt', attempt, 'outcome', 'lost', 'error_class', 'Stalled',
    'error', 'its worker was lost (' .. stalls .. ' times by now)', 'exc_string', dead and exc_stalled or exc_lost)
  free_slot(p, lane, id, job[7])
  -- Its worker may still come: without the fence it is told that it lost, not that it had finished.
  redis.call('HDEL', key, 'fence')
  if dead then
    redis.call('HSET', key, 'stalls', stalls)
    fail_job(p, lane, queue, id, now, failed_s)
    trim(p, 'failed', queue, failed_cap)
    count(queue, 'stalled', 'fail')
    count_total(queue, 'fail')
    return 'failed'
  end
  local status = place(p, lane, id, job[7], job[8], true, now)
  redis.call('HSET', key, 'status', status, 'stalls', stalls, 'attempt', math.max(0, attempt - 1))
  redis.call('ZADD', p .. ':atlas:stalled:' .. queue, now, id)
  wake(p, queue)
  return 'requeued'
end
