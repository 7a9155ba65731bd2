--[[
  Ends attempts, many a call. Each compares the fence: a worker that lost its lease changes
  nothing. A repeat after a lost reply finds the attempt ended by the same fence and says so.

  KEYS[1] what all keys begin with: the RQ key prefix and ':'
  ARGV[1] worker name
  ARGV[2] JSON: policy = {finished_s, finished_cap, failed_s, failed_cap, dead_letter ({lane, kind}),
    queues (by full name: wake (a job's end lets another one start), provider, breaker)}
  ARGV[3] JSON: for each attempt a list of outcome, id, execution id, lane, kind, rate limit key,
    started (s, text), wait ms, run ms, delay ms, due ms (0 = by delay), renewed (an execution record
    exists), return value (base64, '' = none), exc_string (base64, '' = none), error class, error,
    fingerprint, fault (the job's provider failed, not the job), dead letter (JSON, '' = none), org
    outcome: finished, retried (runs again after the delay), failed, snoozed (runs again, uses no
      attempt), released (back to the front, uses no attempt), canceled, quarantined
  Returns for each: 1 applied, 2 applied by an earlier call, 0 refused (the lease was lost),
    -1 the job is gone
]]
-- @include guard clock lanes waiting schedule seen retention metrics events attempts options deferred keyed endings dead_letter breaker
local worker = ARGV[1]
local policy = cjson.decode(ARGV[2])
local finished_s, failed_s = policy.finished_s, policy.failed_s
local attempts = cjson.decode(ARGV[3])
local now = clock_ms()
local now_s = now / 1000
local now_iso = iso(now)
local ended_at = string.format('%.3f', now_s)
local results = {}
local ended = {}       -- lane -> members to take out of the started registry
local leases = {}      -- queue -> members
local executions = {}
local finals = {}      -- 'finished'/'failed' registry key -> score, id, ...
local trims = {}
local woken = {}

local function push(map, key, value)
  local list = map[key]
  if not list then
    list = {}
    map[key] = list
  end
  list[#list + 1] = value
end

-- One entry a attempt in RQ's result stream, with fields of ours that RQ ignores.
local function record(id, type, a, attempt, ttl_s)
  local key = p .. ':results:' .. id
  local entry = {'type', type, 'worker_name', worker, 'execution_id', a[3],
    'execution_started_at', a[7], 'execution_ended_at', ended_at,
    'attempt', attempt}
  if a[1] ~= 'finished' then
    entry[#entry + 1] = 'outcome'
    entry[#entry + 1] = a[1] == 'quarantined' and 'failed' or a[1]
  end
  local optional = {'return_value', 13, 'exc_string', 14, 'error_class', 15, 'error', 16, 'fingerprint', 17}
  for o = 1, #optional, 2 do
    local value = a[optional[o + 1]]
    if value ~= '' then
      entry[#entry + 1] = optional[o]
      entry[#entry + 1] = value
    end
  end
  -- A result stream that is none costs the attempt its record, not the whole call.
  redis.pcall('XADD', key, 'MAXLEN', MAX_ATTEMPTS_KEPT, '*', unpack(entry))
  if ttl_s then expire_key(key, ttl_s) end
end

local function finalize(id, lane, queue, registry, status, ttl_s)
  raw.call('HSET', p .. ':job:' .. id, 'status', status, 'ended_at', now_iso)
  expire_key(p .. ':job:' .. id, ttl_s)
  local key = p .. ':' .. registry .. ':' .. lane
  -- RQ scores canceled jobs by when they were canceled, the others by when they expire.
  push(finals, key, registry == 'canceled' and math.floor(now_s) or kept_until(now, ttl_s))
  push(finals, key, id)
  trims[registry .. '|' .. queue] = {registry, queue}
end

-- What the producer of a stock job said of its end; empty for a job of ours.
local function stock_of(a, key)
  if a[5] ~= 'rq' then return {} end
  local f = raw.call('HMGET', key, 'result_ttl', 'failure_ttl', 'repeats_left', 'repeat_intervals',
    'enqueue_at_front_on_retry')
  return {result_ttl = f[1], failure_ttl = f[2], repeats = counter(f[3], 0), intervals = f[4],
    front = f[5] == '1'}
end

-- RQ's Repeat (rq/repeat.py): a job that finished waits again, the rest of its intervals before it.
-- Its attempts count anew, and its results stay as long as it is to run.
local function repeat_job(id, lane, queue, stock, job)
  local key, interval_s = p .. ':job:' .. id, 0
  local ok, intervals = pcall(cjson.decode, stock.intervals or '[]')
  if ok and type(intervals) == 'table' and #intervals > 0 then
    interval_s = math.max(0, number(intervals[1], 0))
    if #intervals > 1 then table.remove(intervals, 1) end
    raw.call('HSET', key, 'repeat_intervals', cjson.encode(intervals))
  end
  raw.call('HSET', key, 'repeats_left', stock.repeats - 1, 'attempt', 0)
  raw.call('PERSIST', p .. ':results:' .. id)
  if interval_s > 0 then
    raw.call('HSET', key, 'status', 'scheduled')
    schedule_at(p, lane, id, now + interval_s * 1000)
  else
    raw.call('HSET', key, 'status', place(p, lane, id, job[4], job[5], false, now), 'enqueued_at', now_iso)
  end
  woken[queue] = true
end

-- A result_ttl of 0: nothing is kept. What waits for the job still finds it for a minute.
local function keep_nothing(id, lane, queue)
  if raw.call('EXISTS', p .. ':job:' .. id .. ':dependents') == 1 then
    return finalize(id, lane, queue, 'finished', 'finished', 60)
  end
  raw.call('UNLINK', p .. ':job:' .. id, p .. ':results:' .. id)
end

local function run_again(id, lane, queue, a, job, attempt, at_front)
  local outcome = a[1]
  local key = p .. ':job:' .. id
  local due = a[11]
  if due == 0 then due = now + a[10] end
  -- Parked jobs wait in their queue: its provider's breaker lets none of them start.
  if outcome == 'parked' then due = 0 end
  if outcome ~= 'retried' then attempt = attempt - 1 end
  if outcome ~= 'released' and due > now then
    redis.call('HSET', key, 'status', 'scheduled', 'attempt', attempt)
    schedule_at(p, lane, id, due)
  else
    local status = place(p, lane, id, job[4], job[5], outcome == 'released' or at_front, now)
    redis.call('HSET', key, 'status', status, 'attempt', attempt)
    if outcome ~= 'released' then redis.call('HSET', key, 'enqueued_at', now_iso) end
  end
  woken[queue] = true
end

-- Tells the provider's breaker how an attempt ended. While it holds the provider back, what failed
-- for it is tried again without having used an attempt: returns the outcome that stands.
local function by_breaker(a, queue)
  local outcome, q = a[1], policy.queues[queue]
  if not q or not q.breaker then return outcome end
  if outcome == 'finished' then
    breaker_notes(p, q.provider, 1, 0, now, q.breaker)
  elseif not a[18] and (outcome == 'failed' or outcome == 'retried') then
    -- The provider answered; that is all a probe is to find out.
    if breaker_is_probed(p, q.provider) then breaker_notes(p, q.provider, 1, 0, now, q.breaker) end
  elseif a[18] and breaker_notes(p, q.provider, 0, 1, now, q.breaker) then
    return 'parked'
  end
  return outcome
end

-- For good: what the job's state is then called by those that wait for it.
local STATE_OF = {finished = 'finished', failed = 'failed', quarantined = 'failed', canceled = 'canceled'}

local function apply(a)
  local outcome, id, execution, lane = a[1], a[2], a[3], a[4]
  local key = p .. ':job:' .. id
  local queue, member = queue_of(lane), id .. ':' .. execution
  -- Whatever became of the job, this execution is over.
  push(ended, lane, member)
  push(leases, queue, member)
  executions[#executions + 1] = member
  if a[12] then drop_execution(p, id, execution) end
  local job = raw.pcall('HMGET', key, 'status', 'fence', 'attempt', 'rate_limit_key',
    'rate_limit_concurrency', 'stalls', 'atlas')
  if job.err or not job[1] then
    free_slot(p, lane, id, a[6])
    return -1
  end
  if job[2] ~= execution then return 0 end
  if job[1] ~= 'started' then
    -- Ended by an earlier call, or canceled by RQ at the very moment of the claim: RQ then knows of
    -- no slot to free, and the organisation would miss it for ever.
    free_slot(p, lane, id, job[4])
    release_key(p, id, options_of(job[7]), now)
    return 2
  end
  local attempt = counter(job[3], 1)
  local kind = a[5]
  local o = options_of(job[7])
  free_slot(p, lane, id, job[4])
  release_key(p, id, o, now)
  outcome = by_breaker(a, queue)
  a[1] = outcome
  if policy.queues[queue] and policy.queues[queue].wake then woken[queue] = true end
  local stock, repeated = stock_of(a, key), false
  if outcome == 'finished' then
    local ttl_s = kept_s(stock.result_ttl, finished_s)
    record(id, 1, a, attempt, ttl_s)
    repeated = (stock.repeats or 0) > 0
    if repeated then
      repeat_job(id, lane, queue, stock, job)
    elseif ttl_s == 0 then
      keep_nothing(id, lane, queue)
    else
      finalize(id, lane, queue, 'finished', 'finished', ttl_s)
    end
    count(queue, kind, 'fin')
    count_total(queue, 'fin')
  elseif outcome == 'failed' or outcome == 'quarantined' then
    local ttl_s = kept_s(stock.failure_ttl, failed_s)
    record(id, 2, a, attempt, ttl_s)
    finalize(id, lane, queue, 'failed', 'failed', ttl_s)
    count(queue, kind, 'fail')
    count_total(queue, 'fail')
    if outcome == 'quarantined' then
      redis.call('HSET', p .. ':atlas:quarantine', id, lane .. '|' .. now .. '|' .. a[16])
    end
    emit(p, 'failed', 'job', id, 'queue', queue, 'kind', kind, 'error', a[15] .. ': ' .. a[16])
    if a[19] ~= '' then bury(p, policy.dead_letter, id, execution, a[20], a[19], now) end
  elseif outcome == 'canceled' then
    record(id, 3, a, attempt, finished_s)
    finalize(id, lane, queue, 'canceled', 'canceled', finished_s)
  else
    record(id, 4, a, attempt, nil)
    run_again(id, lane, queue, a, job, attempt, outcome == 'retried' and stock.front)
    if outcome == 'retried' then
      count(queue, kind, 'retry')
      emit(p, 'retried', 'job', id, 'queue', queue, 'kind', kind, 'error', a[15] .. ': ' .. a[16])
    end
  end
  if outcome == 'finished' or outcome == 'failed' or outcome == 'retried' then
    count(queue, kind, 'w' .. bucket(a[8]))
    count(queue, kind, 'r' .. bucket(a[9]))
  end
  local state = STATE_OF[outcome]
  if state and not repeated then
    if job[6] then redis.call('ZREM', p .. ':atlas:stalled:' .. queue, id) end
    ended_for_good(p, id, o, state, now)
  end
  return 1
end

for i, a in ipairs(attempts) do results[i] = apply(a) end

for lane, members in pairs(ended) do redis.call('ZREM', p .. ':wip:' .. lane, unpack(members)) end
for queue, members in pairs(leases) do
  redis.call('ZREM', p .. ':atlas:leases:' .. queue, unpack(members))
end
if #executions > 0 then
  redis.call('SREM', p .. ':atlas:held:' .. worker, unpack(executions))
end
for key, scored in pairs(finals) do redis.call('ZADD', key, unpack(scored)) end
for _, t in pairs(trims) do
  trim(p, t[1], t[2], t[1] == 'failed' and policy.failed_cap or policy.finished_cap, now)
end
for queue in pairs(woken) do wake(p, queue) end
write_metrics(p, now)
return results
