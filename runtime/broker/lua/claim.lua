--[[
  Takes waiting jobs for one worker: promotes what is due, then visits the worker's queues in the
  order given and takes from each, lane by lane by weight, as many jobs as free slots, rates, breakers
  and pauses allow. Each job taken gets a lease and a fencing token (RQ's execution id).

  Repeated after a lost reply, it would take further jobs; the caller asks `release.lua` instead to
  return those that it does not know of.

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
    queue states: for each queue its name and its state (see lib/claim_state.lua)
    jobs: for each its header and its data; the header is a text of lines: id, lane, execution id,
      attempt, stalls, timeout, enqueued_at, rate limit key, retries left + '|' + retry intervals
      (of stock RQ jobs)
    quarantined: for each: id, lane, reason
]]
-- @include guard clock lanes waiting schedule seen retention metrics events attempts options deferred keyed endings dead_letter breaker bucket provider quarantine expire startable lane_order claim_state
local worker, token = ARGV[1], ARGV[2]
local lease_ms, wanted = tonumber(ARGV[3]), tonumber(ARGV[5])
local policy = cjson.decode(ARGV[6])
local now = clock_ms()
local claim = {worker = worker, token = token, now = now, max_bytes = tonumber(ARGV[4]), policy = policy,
  quarantined = {}}
local now_iso = iso(now)
-- RQ's own clean-up acts on entries of the started registry whose time is past: ours never are.
local FAR_S = math.floor(now / 1000) + 315360000
local jobs, states, executions = {}, {}, {}
local serial = 0

promote(p, now, 1000)

local function line(value)
  return value and string.gsub(value, '\n', ' ') or ''
end

-- Marks one job started; false if it is not to run.
local function start(id, lane, started)
  local job = startable(p, claim, id, lane)
  if not job then return false end
  local key = p .. ':job:' .. id
  serial = serial + 1
  local execution = token .. '-' .. serial
  local attempt = counter(job[ATTEMPT], 0) + 1
  -- RQ's ttl limits how long a job waits (rq/queue.py, _persist_job); it waits no longer.
  if job[TTL] then raw.call('PERSIST', key) end
  -- It goes back to where it was found, whatever its hash says of its origin.
  if job[ORIGIN] ~= lane then raw.call('HSET', key, 'origin', lane) end
  raw.call('HSET', key, 'status', 'started', 'started_at', now_iso, 'worker_name', worker,
    'fence', execution, 'attempt', attempt)
  local member = id .. ':' .. execution
  started[#started + 1] = FAR_S
  started[#started + 1] = member
  executions[#executions + 1] = member
  -- Line breaks separate the fields, so none of them may hold one.
  jobs[#jobs + 1] = table.concat({id, lane, execution, attempt, counter(job[STALLS], 0),
    line(job[TIMEOUT]), line(job[ENQUEUED_AT]), line(job[RL_KEY]),
    line(job[RETRIES_LEFT]) .. '|' .. line(job[RETRY_INTERVALS])}, '\n')
  jobs[#jobs + 1] = job[DATA]
  return true
end

-- Takes up to `want` jobs from a plain list. Stale ids (of deleted jobs) are passed over, at most so
-- many in one call: a list full of them must not hold up Redis.
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

-- Takes up to `want` jobs of a fair lane, from the organisation whose virtual time is lowest.
local function from_ring(lane, want, cap, started)
  local ring = p .. ':atlas:ring:' .. lane
  local taken, skip, passed_over = 0, 0, 0
  while taken < want and passed_over < MAX_PASSED_OVER do
    local next_org = redis.call('ZRANGE', ring, skip, skip, 'WITHSCORES')
    if #next_org == 0 then break end
    local org = next_org[1]
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
          redis.call('HSET', p .. ':atlas:vclock', lane, next_org[2])
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

local function take(lane, want, cap, started)
  local taken = from_list(lane, want, started)
  if taken < want then taken = taken + from_ring(lane, want - taken, cap, started) end
  return taken
end

-- Takes up to `want` jobs of one queue; returns how many, and whether more may wait.
local function visit(queue, want, cap)
  local open, left = open_lanes(p, queue)
  local total, position, leases = 0, 0, {}
  if left > 1 then position = redis.call('HINCRBY', p .. ':atlas:turns', queue, want) - want end
  while total < want and left > 0 do
    local i = next_lane(open, position)
    position = position + 1
    -- The only lane left gives all at once; otherwise each gives one at a time.
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

-- Takes what may start now of one queue `q`; returns its state.
local function serve(q)
  if not anything_waits(p, q.name) then return CLAIM_STATE.empty end
  local tokens, wait_ms = tokens_of(p, q.name, q.jobs, q.per_ms, now)
  if tokens < 1 then return math.max(1, wait_ms) end
  local want = math.min(q.free, wanted, math.floor(tokens))
  -- The end of a job anywhere wakes a worker of a queue whose jobs are limited over all workers.
  if q.most > 0 then want = math.min(want, q.most - redis.call('ZCARD', p .. ':atlas:leases:' .. q.name)) end
  if want <= 0 then return CLAIM_STATE.more end
  local rule, r_tokens = policy.providers[q.provider], 0
  if rule then
    local allowed
    allowed, wait_ms, r_tokens = provider_allows(p, q.provider, rule, now)
    if allowed < 1 then return wait_ms > 0 and math.ceil(wait_ms) or CLAIM_STATE.more end
    want = math.min(want, allowed)
  end
  local taken, more = visit(q.name, want, q.cap == 0 and 1e9 or q.cap)
  spend(p, q.name, tokens, taken, q.jobs, q.per_ms, now)
  wanted = wanted - taken
  if rule and taken > 0 then
    spend(p, provider_bucket(q.provider), r_tokens, taken, rule.jobs, rule.per_ms, now)
    if rule.breaker then breaker_probes(p, q.provider, now, rule.breaker) end
  end
  if not more then return CLAIM_STATE.empty end
  -- This worker's slots are full, another worker's may not be.
  wake(p, q.name)
  wait_ms = refill_ms(tokens, taken, q.jobs, q.per_ms)
  if wait_ms == 0 and rule then wait_ms = refill_ms(r_tokens, taken, rule.jobs, rule.per_ms) end
  return wait_ms > 0 and wait_ms or CLAIM_STATE.more
end

-- The i-th queue of the arguments.
local FIELDS = 7
local function queue_at(i)
  local at = 7 + (i - 1) * FIELDS
  return {name = ARGV[at + 1], free = tonumber(ARGV[at + 2]), jobs = tonumber(ARGV[at + 3]),
    per_ms = tonumber(ARGV[at + 4]), cap = tonumber(ARGV[at + 5]), most = tonumber(ARGV[at + 6]),
    provider = ARGV[at + 7]}
end

local quiet = redis.call('HEXISTS', p .. ':atlas:quiet', worker) == 1
local paused = redis.call('EXISTS', p .. ':atlas:paused') == 1
for i = 1, tonumber(ARGV[7]) do
  local q = queue_at(i)
  states[#states + 1] = q.name
  if quiet then
    states[#states + 1] = CLAIM_STATE.quiet
  elseif paused and redis.call('HEXISTS', p .. ':atlas:paused', q.name) == 1 then
    states[#states + 1] = CLAIM_STATE.paused
  else
    states[#states + 1] = serve(q)
  end
end

if #executions > 0 then redis.call('SADD', p .. ':atlas:held:' .. worker, unpack(executions)) end
write_metrics(p, now)
local due = redis.call('ZRANGE', p .. ':atlas:due', 0, 0, 'WITHSCORES')
return {now, number(due[2], 0), states, jobs, claim.quarantined}
