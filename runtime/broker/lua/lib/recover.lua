-- Taking a job back from a worker that will not finish it.

-- Counts one lost execution against the job: back to the front of its queue, or, past the limit,
-- failed as stalled. `rules` = {max_stalled, failed_s, failed_cap, lost, stalled (exc_strings),
-- dead_letter}. Returns 'requeued', 'failed' or nil when it was not running under that fence.
local function recover(p, id, execution, now, rules)
  local key = p .. ':job:' .. id
  local ok, job = pcall(redis.call, 'HMGET', key, 'status', 'fence', 'origin', 'stalls', 'attempt',
    'worker_name', 'rate_limit_key', 'rate_limit_concurrency', 'failure_ttl', 'atlas')
  if not ok or job[2] ~= execution or not job[3] then return nil end
  if job[1] ~= 'started' then
    -- RQ canceled it while it ran: what it held is free.
    free_slot(p, job[3], id, job[7])
    release_key(p, id, options_of(job[10]), now)
    return nil
  end
  local lane = job[3]
  local queue = queue_of(lane)
  local stalls = counter(job[4], 0) + 1
  local dead = stalls > rules.max_stalled
  local attempt = counter(job[5], 1)
  -- A result stream that is none costs the job its record, not its place.
  redis.pcall('XADD', p .. ':results:' .. id, 'MAXLEN', MAX_ATTEMPTS_KEPT, '*', 'type', dead and 2 or 4,
    'worker_name', job[6] or '', 'execution_id', execution, 'execution_ended_at',
    string.format('%.3f', now / 1000), 'attempt', attempt, 'outcome', 'lost', 'error_class', 'Stalled',
    'error', 'its worker was lost (' .. stalls .. ' times by now)', 'exc_string', dead and rules.stalled or rules.lost)
  local o = options_of(job[10])
  free_slot(p, lane, id, job[7])
  release_key(p, id, o, now)
  -- Its worker may still come: without the fence it is told that it lost, not that it had finished.
  redis.call('HDEL', key, 'fence')
  if dead then
    redis.call('HSET', key, 'stalls', stalls)
    fail_job(p, lane, queue, id, now, kept_s(job[9], rules.failed_s))
    trim(p, 'failed', queue, rules.failed_cap, now)
    count(queue, 'stalled', 'fail')
    count_total(queue, 'fail')
    emit(p, 'failed', 'job', id, 'queue', queue, 'error', 'Stalled')
    bury(p, rules.dead_letter, id, execution, org_of_job(p, id), {job_id = id, reason = 'stalled',
      attempts = attempt, error_class = 'Stalled', error = 'it lost its worker ' .. stalls .. ' times'}, now)
    ended_for_good(p, id, o, 'failed', now)
    return 'failed'
  end
  local status = place(p, lane, id, job[7], job[8], true, now)
  redis.call('HSET', key, 'status', status, 'stalls', stalls, 'attempt', math.max(0, attempt - 1))
  redis.call('ZADD', p .. ':atlas:stalled:' .. queue, now, id)
  wake(p, queue)
  emit(p, 'stalled', 'job', id, 'queue', queue, 'worker', job[6] or '')
  return 'requeued'
end
