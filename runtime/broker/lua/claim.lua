--[[
  Takes waiting jobs for one worker: promotes what is due, then visits its queues in the order
  given and takes from each, lane by lane by weight, up to the free slots, the rate and the pause
  flag allow. Each job taken gets a lease and a fence (RQ's execution id).

  A repeat after a lost reply would take further jobs; the caller instead asks `disown.lua` to
  give back what it does not know of.

  KEYS[1] what all keys begin with: the RQ key prefix and ':'
  ARGV[1] worker name  [2] token, unique for this call  [3] lease in ms  [4] largest data in bytes
  ARGV[5] jobs wanted in all
  ARGV[6] JSON: policy = {finished_s, finished_cap, failed_s, failed_cap, dead_letter ({lane, kind}),
    providers (by name: jobs (0 = unlimited), per_ms, cap (0 = none), queues (full names, all that use
    it), breaker (see lib/breaker.lua))}
  ARGV[7] number of queues
  then for each queue: full name, free slots, rate: jobs ('0' = unlimited), rate: per ms,
    fair: each organisation's cap ('0' = plain queue), most jobs that run anywhere ('0' = any
    number), provider ('' = none)
  Returns { now ms, next due ms or 0, queue states, jobs, quarantined }
    queue states: for each queue its name, then 0 empty, -1 paused, -2 more waits, -3 the worker is
      quiet, or ms until a rate or a breaker lets the next job start
    jobs: for each its header and its data; the header is a text of lines: id, lane, execution id,
      attempt, stalls, timeout, enqueued_at, rate limit key, retries left + '|' + retry intervals
      (of stock RQ jobs)
    quarantined: for each: id, lane, reason
]]
-- @include guard clock lanes waiting schedule seen retention metrics events attempts options deferred keyed endings dead_letter breaker
local worker, token = ARGV[1], ARGV[2]
local lease_ms, max_bytes = tonumber(ARGV[3]), tonumber(ARGV[4])
local wanted, policy, queue_count = tonumber(ARGV[5]), cjson.decode(ARGV[6]), tonumber(ARGV[7])
local FIELDS = 7
local now = clock_ms()
local now_iso = iso(now)
-- RQ's own clean-up acts on entries of the started registry whose time is past: ours never are.
local FAR_S = math.floor(now / 1000) + 315360000
-- Lane weights 16:8:4:2:1, spread so that no lane waits long for its turn.
local TURNS = {1, 2, 1, 3, 1, 2, 1, 4, 1, 2, 1, 3, 1, 2, 1, 5, 1, 2, 1, 3, 1, 2, 1, 4, 1, 2, 1, 3, 1, 2, 1}
local jobs, quarantined, states, executions = {}, {}, {}, {}
local serial = 0

promote(p, now, 1000)

-- Sets a job aside that can never run. One whose key holds a hash is failed in RQ's sense too.
local QUARANTINE_TTL_S = 259200
local function quarantine(id, lane, reason, is_hash)
  redis.call('HSET', p .. ':atlas:quarantine', id, lane .. '|' .. now .. '|' .. reason)
  if is_hash then
    redis.pcall('XADD', p .. ':results:' .. id, 'MAXLEN', MAX_ATTEMPTS_KEPT, '*', 'type', 2,
      'worker_name', worker, 'outcome', 'failed', 'error_class', 'Quarantined', 'error', reason)
    redis.call('HSET', p .. ':job:' .. id, 'origin', lane)
    fail_job(p, lane, queue_of(lane), id, now, QUARANTINE_TTL_S)
    count(queue_of(lane), 'quarantined', 'fail')
    count_total(queue_of(lane), 'fail')
  end
  quarantined[#quarantined + 1] = id
  quarantined[#quarantined + 1] = lane
  quarantined[#quarantined + 1] = reason
end

-- A job that nobody wants any more: canceled, or, if it is to be seen, failed and a dead letter.
local function expire(id, lane, o)
  local queue = queue_of(lane)
  local dead = o.expired == 'dead_letter'
  local kept_s = dead and policy.failed_s or policy.finished_s
  redis.call('XADD', p .. ':results:' .. id, 'MAXLEN', MAX_ATTEMPTS_KEPT, '*', 'type', dead and 2 or 3,
    'worker_name', worker, 'execution_ended_at', string.format('%.3f', now / 1000), 'attempt', 0,
    'outcome', 'expired', 'error_class', 'Expired', 'error', 'it was not to start after ' .. iso(o.not_after))
  redis.call('EXPIRE', p .. ':results:' .. id, kept_s + 3600)
  if dead then
    fail_job(p, lane, queue, id, now, kept_s)
    trim(p, 'failed', queue, policy.failed_cap, now)
    bury(p, policy.dead_letter, id, token .. '-expired-' .. id, org_of_job(p, id),
      {job_id = id, reason = 'expired', error_class = 'Expired', error = 'it was not to start any more'}, now)
    count(queue, 'expired', 'fail')
    count_total(queue, 'fail')
  else
    cancel_job(p, lane, id, now, kept_s)
    trim(p, 'canceled', queue, policy.finished_cap, now)
  end
  emit(p, 'expired', 'job', id, 'queue', queue)
  ended_for_good(p, id, o, dead and 'failed' or 'canceled', now)
end

local function line(value)
  return value and string.gsub(value, '\n', ' ') or ''
end

-- Marks one job started; false if it is not to run.
local function start(id, lane, started)
  local key = p .. ':job:' .. id
  -- RQ's rule for ids (rq/job.py), which keeps line breaks and colons out of what is read below.
  if string.find(id, '^[%w_-]+$') == nil then
    quarantine(id, lane, 'its id is not of letters, digits, _ and -', false)
    return false
  end
  local job = raw.pcall('HMGET', key, 'status', 'data', 'attempt', 'stalls', 'timeout',
    'enqueued_at', 'rate_limit_key', 'retries_left', 'retry_intervals', 'atlas', 'origin', 'ttl')
  if job.err then
    quarantine(id, lane, 'its key holds no hash', false)
    return false
  end
  local status, data = job[1], job[2]
  if not status and not data then
    -- Gone (deleted, expired or evicted), or fields of no job at all.
    if redis.call('EXISTS', key) == 1 then
      quarantine(id, lane, 'its hash has neither status nor data', true)
    end
    return false
  end
  if not STATUSES[status or ''] then
    quarantine(id, lane, 'its status is none of RQ\'s', true)
    return false
  end
  if status ~= 'queued' and status ~= 'rate_limited' then return false end
  if not data or #data > max_bytes then
    quarantine(id, lane, data and 'its data is larger than allowed' or 'its hash has no data', true)
    return false
  end
  local o = options_of(job[10])
  if o then
    if o.not_after and now > o.not_after then
      expire(id, lane, o)
      return false
    end
    if o.key and not take_key(p, id, lane, o, now) then return false end
  end
  serial = serial + 1
  local execution = token .. '-' .. serial
  local attempt = counter(job[3], 0) + 1
  -- RQ's ttl is how long a job may wait (rq/queue.py, _persist_job): it has waited.
  if job[12] then raw.call('PERSIST', key) end
  -- Where it was found is where it goes back to, whatever its hash says of its origin.
  if job[11] ~= lane then raw.call('HSET', key, 'origin', lane) end
  raw.call('HSET', key, 'status', 'started', 'started_at', now_iso, 'worker_name', worker,
    'fence', execution, 'attempt', attempt)
  local member = id .. ':' .. execution
  started[#started + 1] = FAR_S
  started[#started + 1] = member
  executions[#executions + 1] = member
  -- A line break in a field would shift the others: none is allowed to hold one.
  jobs[#jobs + 1] = table.concat({id, lane, execution, attempt, counter(job[4], 0), line(job[5]),
    line(job[6]), line(job[7]), line(job[8]) .. '|' .. line(job[9])}, '\n')
  jobs[#jobs + 1] = data
  return true
end

-- Takes up to `want` ids from a plain list. Ids that lead nowhere (deleted jobs) are passed over,
-- a bounded number a call: a list full of them must not hold up Redis.
local MAX_PASSED_OVER = 1000
local function from_list(lane, want, started)
  local taken, popped = 0, 0
  while taken < want and popped < want + MAX_PASSED_OVER do
    local ids = redis.call('LPOP', p .. ':queue:' .. lane, want - taken)
    if not ids then break end
    popped = popped + #ids
    for _, id in ipairs(ids) do
      if start(id, lane, started) then taken = taken + 1 end
    end
  end
  return taken
end

-- Takes up to `want` jobs in turn between the organisations that wait in a fair lane.
local function from_ring(lane, want, cap, started)
  local ring = p .. ':atlas:ring:' .. lane
  local taken, skip, passed_over = 0, 0, 0
  while taken < want and passed_over < MAX_PASSED_OVER do
    local turn = redis.call('ZRANGE', ring, skip, skip, 'WITHSCORES')
    if #turn == 0 then break end
    local org = turn[1]
    local rl_key = lane .. '|' .. org
    local rl = p .. ':rl:' .. rl_key
    local weight, org_cap = limits_of(p, org, cap)
    if redis.call('ZCARD', rl .. ':allowed') >= org_cap then
      skip = skip + 1
    else
      local popped = redis.call('ZPOPMIN', rl .. ':rate_limited')
      if #popped > 0 then
        redis.call('HINCRBY', p .. ':atlas:depth', lane, -1)
        if start(popped[1], lane, started) then
          redis.call('ZADD', rl .. ':allowed', now / 1000, popped[1])
          redis.call('HSET', p .. ':atlas:vclock', lane, turn[2])
          taken = taken + 1
        else
          passed_over = passed_over + 1
        end
      end
      settle_ring(p, lane, org, #popped > 0 and 1 / weight)
    end
  end
  return taken
end

-- How many jobs the token bucket lets start now, and ms until the next token.
local function allowance(queue, jobs_per, per_ms)
  if jobs_per == 0 then return 1e9, 0 end
  local key = p .. ':atlas:bucket:' .. queue
  local b = redis.call('HMGET', key, 'tokens', 'at')
  local tokens = jobs_per
  local left, at = number(b[1], -1), number(b[2], 0)
  -- A bucket that makes no sense counts as full: it is written anew with the next job.
  if left >= 0 and at > 0 and at < now + 60000 then
    tokens = math.min(jobs_per, left + math.max(0, now - at) * jobs_per / per_ms)
  end
  return tokens, math.ceil((1 - tokens) * per_ms / jobs_per)
end

local function spend(queue, tokens, taken, jobs_per, per_ms)
  if jobs_per == 0 or taken == 0 then return end
  local key = p .. ':atlas:bucket:' .. queue
  redis.call('HSET', key, 'tokens', string.format('%.6f', tokens - taken), 'at', now)
  redis.call('PEXPIRE', key, math.ceil(per_ms * 2) + 1000)
end

local names = {}
for i = 1, queue_count do names[i] = ARGV[8 + (i - 1) * FIELDS] end
local paused = redis.call('HMGET', p .. ':atlas:paused', unpack(names))

-- Both places of every lane are looked at: a queue that was fair once may still have jobs in its rings.
local function lane_waits(lane)
  return redis.call('EXISTS', p .. ':queue:' .. lane, p .. ':atlas:ring:' .. lane) > 0
end

local function take(lane, want, cap, started)
  local taken = from_list(lane, want, started)
  if taken < want then taken = taken + from_ring(lane, want - taken, cap, started) end
  return taken
end

-- The lane to take from next: the one whose turn it is if it still has jobs, else the most urgent.
local function next_lane(open, turn)
  local due = TURNS[turn % #TURNS + 1]
  if open[due] then return due end
  for i = 1, #LANE_SUFFIXES do
    if open[i] then return i end
  end
  return nil
end

-- Takes up to `want` jobs of one queue; returns how many, and whether more may wait.
local function visit(queue, want, cap)
  local open, left, total = {}, 0, 0
  for i, suffix in ipairs(LANE_SUFFIXES) do
    if lane_waits(queue .. suffix) then
      open[i] = true
      left = left + 1
    end
  end
  local turn = 0
  if left > 1 then turn = redis.call('HINCRBY', p .. ':atlas:turns', queue, want) - want end
  local leases = {}
  while total < want and left > 0 do
    local i = next_lane(open, turn)
    turn = turn + 1
    -- The only lane left gives all at once; otherwise one job a turn.
    local n = left == 1 and want - total or 1
    local lane, started = queue .. LANE_SUFFIXES[i], {}
    local taken = take(lane, n, cap, started)
    if taken < n then
      open[i] = nil
      left = left - 1
    end
    total = total + taken
    if taken > 0 then
      redis.call('ZADD', p .. ':wip:' .. lane, unpack(started))
      for m = 2, #started, 2 do
        leases[#leases + 1] = now + lease_ms
        leases[#leases + 1] = started[m]
      end
    end
  end
  if #leases > 0 then redis.call('ZADD', p .. ':atlas:leases:' .. queue, unpack(leases)) end
  return total, left > 0
end

-- Whether anything waits in any lane: one command, where counting would take ten.
local function anything_waits(queue)
  local places = {}
  for _, suffix in ipairs(LANE_SUFFIXES) do
    places[#places + 1] = p .. ':queue:' .. queue .. suffix
    places[#places + 1] = p .. ':atlas:ring:' .. queue .. suffix
  end
  return redis.call('EXISTS', unpack(places)) > 0
end

-- How many jobs the provider of a queue lets start now, ms until that changes, and its tokens.
local function provider_allows(name, r)
  local allowed, wait_ms = breaker_allows(p, name, now)
  if allowed < 1 then return 0, wait_ms, 0 end
  local tokens, token_ms = allowance('provider:' .. name, r.jobs, r.per_ms)
  if tokens < 1 then return 0, token_ms, tokens end
  allowed = math.min(allowed, math.floor(tokens))
  if r.cap > 0 then
    local running = 0
    for _, queue in ipairs(r.queues) do running = running + redis.call('ZCARD', p .. ':atlas:leases:' .. queue) end
    if running >= r.cap then return 0, 0, tokens end
    allowed = math.min(allowed, r.cap - running)
  end
  return allowed, token_ms, tokens
end

-- Takes what may start now of one queue; returns its state (see above).
local function serve(queue, free, jobs_per, per_ms, cap, most, provider)
  if not anything_waits(queue) then return 0 end
  if cap == 0 then cap = 1e9 end
  local tokens, wait_ms = allowance(queue, jobs_per, per_ms)
  if tokens < 1 then return math.max(1, wait_ms) end
  local want = math.min(free, wanted, math.floor(tokens))
  -- The end of a job anywhere wakes a worker of a queue whose jobs are limited over all workers.
  if most > 0 then want = math.min(want, most - redis.call('ZCARD', p .. ':atlas:leases:' .. queue)) end
  if want <= 0 then return -2 end
  local r, r_tokens = policy.providers[provider], 0
  if r then
    local allowed
    allowed, wait_ms, r_tokens = provider_allows(provider, r)
    if allowed < 1 then return wait_ms > 0 and math.ceil(wait_ms) or -2 end
    want = math.min(want, allowed)
  end
  local taken, more = visit(queue, want, cap)
  spend(queue, tokens, taken, jobs_per, per_ms)
  wanted = wanted - taken
  if r and taken > 0 then
    spend('provider:' .. provider, r_tokens, taken, r.jobs, r.per_ms)
    if r.breaker then breaker_probes(p, provider, now, r.breaker) end
  end
  if not more then return 0 end
  -- Ours are full, another worker's may not be.
  wake(p, queue)
  local left = tokens - taken
  if left < 1 then return math.max(1, math.ceil((1 - left) * per_ms / jobs_per)) end
  left = r_tokens - taken
  if r and r.jobs > 0 and left < 1 then return math.max(1, math.ceil((1 - left) * r.per_ms / r.jobs)) end
  return -2
end

local quiet = redis.call('HEXISTS', p .. ':atlas:quiet', worker) == 1
for i = 1, queue_count do
  local at = 7 + (i - 1) * FIELDS
  local queue, state = ARGV[at + 1], -1
  if quiet then
    state = -3
  elseif not paused[i] then
    state = serve(queue, tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4]),
      tonumber(ARGV[at + 5]), tonumber(ARGV[at + 6]), ARGV[at + 7])
  end
  states[#states + 1] = queue
  states[#states + 1] = state
end

if #executions > 0 then
  local key = p .. ':atlas:held:' .. worker
  redis.call('SADD', key, unpack(executions))
end
write_metrics(p, now)
local due = redis.call('ZRANGE', p .. ':atlas:due', 0, 0, 'WITHSCORES')
return {now, number(due[2], 0), states, jobs, quarantined}
