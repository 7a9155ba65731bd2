-- needs: guard lanes metrics attempts
-- Sets a job aside that can never run. If its key holds a hash, the job also fails in RQ's sense.
local QUARANTINE_TTL_S = 259200
local function quarantine(p, id, lane, reason, is_hash, worker, now)
  redis.call('HSET', p .. ':atlas:quarantine', id, lane .. '|' .. now .. '|' .. reason)
  if not is_hash then return end
  local queue = queue_of(lane)
  redis.pcall('XADD', p .. ':results:' .. id, 'MAXLEN', MAX_ATTEMPTS_KEPT, '*', 'type', 2,
    'worker_name', worker, 'outcome', 'failed', 'error_class', 'Quarantined', 'error', reason)
  redis.call('HSET', p .. ':job:' .. id, 'origin', lane)
  fail_job(p, lane, queue, id, now, QUARANTINE_TTL_S)
  count(queue, 'quarantined', 'fail')
  count_total(queue, 'fail')
end
