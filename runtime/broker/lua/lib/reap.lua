-- needs: guard lanes waiting schedule retention metrics events attempts options keyed endings dead_letter
-- Takes a job back from a worker that was lost: counts a stall and puts the job at the front of its
-- queue. Most jobs lose their worker through no fault of their own; after `suspect_from` losses a job
-- runs in a process of its own (runtime/worker/attempt/suspects.py). If that is lost too, the job goes
-- to the back, and after more than `lost_alone` such losses it fails as stalled; with `suspect_from` 0
-- it fails at the first loss. A dead letter never fails this way, because it is the only record of its
-- job; past the limit it waits before each run, so that it cannot end one worker after another.
-- `rules` = {suspect_from, lost_alone, failed_s, failed_cap, lost, stalled (exc_strings),
-- dead_letter}. Returns 'requeued', 'failed' or nil when it was not running under that fencing token.
local LETTER_PAUSE_MS = 30000
local function reap(p, id, execution, now, rules)
  local key = p .. ':job:' .. id
  local ok, job = pcall(redis.call, 'HMGET', key, 'status', 'fence', 'origin', 'stalls', 'attempt',
    'worker_name', 'rate_limit_key', 'rate_limit_concurrency', 'failure_ttl', 'atlas', 'alone',
    'lost_alone')
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
  local alone = job[11] == execution
  local lost_alone = counter(job[12], 0) + (alone and 1 or 0)
  local past_limit = rules.suspect_from == 0 or lost_alone > rules.lost_alone
  local is_letter = rules.dead_letter ~= nil and lane == rules.dead_letter.lane
    and string.sub(id, 1, #LETTER_ID) == LETTER_ID
  local dead = past_limit and not is_letter
  local attempt = counter(job[5], 1)
  -- If the key holds another type, the loss has no record; the job still goes back.
  redis.pcall('XADD', p .. ':results:' .. id, 'MAXLEN', MAX_ATTEMPTS_KEPT, '*', 'type', dead and 2 or 4,
    'worker_name', job[6] or '', 'execution_id', execution, 'execution_ended_at',
    string.format('%.3f', now / 1000), 'attempt', attempt, 'outcome', 'lost', 'error_class', 'Stalled',
    'error', 'its worker was lost (' .. stalls .. ' times by now)', 'exc_string', dead and rules.stalled or rules.lost)
  local o = options_of(job[10])
  free_slot(p, lane, id, job[7])
  release_key(p, id, o, now)
  -- Its worker may still answer: without a token it is told that it lost, not that it had finished.
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
  local status
  if past_limit then
    status = 'scheduled'
    schedule_at(p, lane, id, now + LETTER_PAUSE_MS)
  else
    status = place(p, lane, id, job[7], job[8], not alone, now)
  end
  redis.call('HSET', key, 'status', status, 'stalls', stalls, 'attempt', math.max(0, attempt - 1))
  if alone then redis.call('HSET', key, 'lost_alone', lost_alone) end
  redis.call('ZADD', p .. ':atlas:stalled:' .. queue, now, id)
  wake(p, queue)
  emit(p, 'stalled', 'job', id, 'queue', queue, 'worker', job[6] or '', 'times', stalls,
    'next', stalls >= rules.suspect_from and 'suspect: runs alone' or 'runs again')
  return 'requeued'
end
