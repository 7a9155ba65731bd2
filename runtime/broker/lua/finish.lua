--[[
  Ends attempts, many a call. The fencing token of each is compared with its job's: a worker that
  lost its lease changes nothing. Repeated after a lost reply, it finds the attempt ended under the
  same token and says so.

  KEYS[1] what all keys begin with: the RQ key prefix and ':'
  ARGV[1] worker name
  ARGV[2] JSON: policy = {finished_s, finished_cap, failed_s, failed_cap, dead_letter ({lane, kind}),
    queues (by full name: wake (a job's end lets another one start), provider, breaker)}
  ARGV[3] JSON: for each attempt an object of outcome, id, execution (its fencing token), lane, kind,
    started (s, text), wait_ms, run_ms and, unless it is 0, '' or false: rl_key (rate limit key),
    delay_ms, due_ms (0 = by delay), renewed (an execution record exists), return_value (base64),
    exc_string (base64), error_class, error, fingerprint, fault (the job's provider failed, not the
    job), dead_letter (JSON), org
    outcome: finished, retried (runs again after the delay), failed, snoozed (runs again, uses no
      attempt), released (back to the front, uses no attempt), canceled, quarantined
  Returns for each: 1 applied, 2 applied by an earlier call, 0 refused (the lease was lost),
    -1 the job is gone
]]
-- @include guard clock lanes waiting schedule seen retention metrics events attempts options deferred keyed endings dead_letter breaker stock
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

-- One entry for each attempt in RQ's result stream, with fields of ours that RQ ignores.
local OPTIONAL = {'return_value', 'exc_string', 'error_class', 'error', 'fingerprint'}
local function record(id, type, a, attempt, ttl_s)
  local key = p .. ':results:' .. id
  local entry = {'type', type, 'worker_name', worker, 'execution_id', a.execution,
    'execution_started_at', a.started, 'execution_ended_at', ended_at, 'attempt', attempt}
  if a.outcome ~= 'finished' then
    entry[#entry + 1] = 'outcome'
    entry[#entry + 1] = a.outcome == 'quarantined' and 'failed' or a.outcome
  end
  for _, name in ipairs(OPTIONAL) do
    if a[name] then
      entry[#entry + 1] = name
      entry[#entry + 1] = a[name]
    end
  end
  -- If the key holds another type, the attempt has no record; the call goes on.
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

-- With a result_ttl of 0 nothing is kept. If others wait for the job, it stays for a minute.
local function keep_nothing(id, lane, queue)
  if raw.call('EXISTS', p .. ':job:' .. id .. ':dependents') == 1 then
    return finalize(id, lane, queue, 'finished', 'finished', 60)
  end
  raw.call('UNLINK', p .. ':job:' .. id, p .. ':results:' .. id)
end

local function run_again(id, lane, queue, a, job, attempt, at_front)
  local outcome = a.outcome
  local key = p .. ':job:' .. id
  local due = a.due_ms or now + (a.delay_ms or 0)
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

-- Tells the provider's breaker how an attempt ended, and returns the outcome that counts: while the
-- breaker is open, an attempt that failed because of the provider is run again and was not used.
local function by_breaker(a, queue)
  local outcome, q = a.outcome, policy.queues[queue]
  if not q or not q.breaker then return outcome end
  if outcome == 'finished' then
    breaker_counts(p, q.provider, 1, 0, now, q.breaker)
  elseif not a.fault and (outcome == 'failed' or outcome == 'retried') then
    -- The provider answered, which is what the probe was for.
    if breaker_is_probed(p, q.provider) then breaker_counts(p, q.provider, 1, 0, now, q.breaker) end
  elseif a.fault and breaker_counts(p, q.provider, 0, 1, now, q.breaker) then
    return 'parked'
  end
  return outcome
end

local function error_of(a)
  return (a.error_class or '') .. ': ' .. (a.error or '')
end

-- The final state that jobs which wait for this one are told.
local STATE_OF = {finished = 'finished', failed = 'failed', quarantined = 'failed', canceled = 'canceled'}

local function apply(a)
  local outcome, id, execution, lane = a.outcome, a.id, a.execution, a.lane
  local key = p .. ':job:' .. id
  local queue, member = queue_of(lane), id .. ':' .. execution
  -- Whatever became of the job, this execution is over.
  push(ended, lane, member)
  push(leases, queue, member)
  executions[#executions + 1] = member
  if a.renewed then drop_execution(p, id, execution) end
  local job = raw.pcall('HMGET', key, 'status', 'fence', 'attempt', 'rate_limit_key',
    'rate_limit_concurrency', 'stalls', 'atlas')
  if job.err or not job[1] then
    free_slot(p, lane, id, a.rl_key)
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
  local kind = a.kind
  local o = options_of(job[7])
  free_slot(p, lane, id, job[4])
  release_key(p, id, o, now)
  outcome = by_breaker(a, queue)
  a.outcome = outcome
  if policy.queues[queue] and policy.queues[queue].wake then woken[queue] = true end
  local stock, repeated = stock_of(key, kind), false
  if outcome == 'finished' then
    local ttl_s = kept_s(stock.result_ttl, finished_s)
    record(id, 1, a, attempt, ttl_s)
    repeated = (stock.repeats or 0) > 0
    if repeated then
      repeat_job(p, id, lane, stock, job[4], job[5], now)
      woken[queue] = true
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
      redis.call('HSET', p .. ':atlas:quarantine', id, lane .. '|' .. now .. '|' .. (a.error or ''))
    end
    emit(p, 'failed', 'job', id, 'queue', queue, 'kind', kind, 'error', error_of(a))
    if a.dead_letter then bury(p, policy.dead_letter, id, execution, a.org or '', a.dead_letter, now) end
  elseif outcome == 'canceled' then
    record(id, 3, a, attempt, finished_s)
    finalize(id, lane, queue, 'canceled', 'canceled', finished_s)
  else
    record(id, 4, a, attempt, nil)
    run_again(id, lane, queue, a, job, attempt, outcome == 'retried' and stock.front)
    if outcome == 'retried' then
      count(queue, kind, 'retry')
      emit(p, 'retried', 'job', id, 'queue', queue, 'kind', kind, 'error', error_of(a))
    end
  end
  if outcome == 'finished' or outcome == 'failed' or outcome == 'retried' then
    count(queue, kind, 'w' .. bucket(a.wait_ms))
    count(queue, kind, 'r' .. bucket(a.run_ms))
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
