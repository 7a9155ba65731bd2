-- needs: guard clock lanes retention metrics events attempts endings dead_letter
-- Ends a job that was not to start after a certain time: canceled or, if its producer wants to know,
-- failed with a dead letter.
local function expire_job(p, id, lane, o, policy, worker, execution, now)
  local queue = queue_of(lane)
  local dead = o.expired == 'dead_letter'
  local ttl_s = dead and policy.failed_s or policy.finished_s
  redis.call('XADD', p .. ':results:' .. id, 'MAXLEN', MAX_ATTEMPTS_KEPT, '*', 'type', dead and 2 or 3,
    'worker_name', worker, 'execution_ended_at', string.format('%.3f', now / 1000), 'attempt', 0,
    'outcome', 'expired', 'error_class', 'Expired', 'error', 'it was not to start after ' .. iso(o.not_after))
  redis.call('EXPIRE', p .. ':results:' .. id, ttl_s + 3600)
  if dead then
    fail_job(p, lane, queue, id, now, ttl_s)
    trim(p, 'failed', queue, policy.failed_cap, now)
    bury(p, policy.dead_letter, id, execution, org_of_job(p, id),
      {job_id = id, reason = 'expired', error_class = 'Expired', error = 'it was not to start any more'}, now)
    count(queue, 'expired', 'fail')
    count_total(queue, 'fail')
  else
    cancel_job(p, lane, id, now, ttl_s)
    trim(p, 'canceled', queue, policy.finished_cap, now)
  end
  emit(p, 'expired', 'job', id, 'queue', queue)
  ended_for_good(p, id, o, dead and 'failed' or 'canceled', now)
end
