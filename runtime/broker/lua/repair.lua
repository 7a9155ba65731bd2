--[[
  Judges jobs that looked wrong to the auditor, each at one moment, and repairs them if asked to.
  A job that is not in a final state is in exactly one place; one in a final state is in none.

  KEYS[1] what all keys begin with: the RQ key prefix and ':'
  ARGV[1] '1' repair  [2] JSON: the rules of lib/reap.lua
  ARGV[3] number of jobs, then for each its id and the lane where it was seen or says it belongs
  Returns for each: 'ok', 'orphan' (in no place), 'double' (in more than one), 'ghost' (a place
    names a job that is gone or over), 'misplaced' (in one place, but not its state's), 'abandoned'
    (deferred, and nothing will ever release it)
]]
-- @include guard clock lanes waiting schedule seen retention metrics events attempts options deferred keyed endings dead_letter reap
local repair = ARGV[1] == '1'
local rules = cjson.decode(ARGV[2])
local now = clock_ms()

local function where_is(id, lane, rl_key, fence)
  local found = {}
  for _ = 1, #(redis.call('LPOS', p .. ':queue:' .. lane, id, 'COUNT', 0)) do found[#found + 1] = 'list' end
  local org = org_of(lane, rl_key)
  if org and redis.call('ZSCORE', p .. ':rl:' .. rl_key .. ':rate_limited', id) then
    found[#found + 1] = 'fair'
  end
  if redis.call('ZSCORE', p .. ':scheduled:' .. lane, id) then found[#found + 1] = 'scheduled' end
  if redis.call('ZSCORE', p .. ':deferred:' .. lane, id) then found[#found + 1] = 'deferred' end
  if fence and redis.call('ZSCORE', p .. ':atlas:leases:' .. queue_of(lane), id .. ':' .. fence) then
    found[#found + 1] = 'leased'
  end
  return found
end

local PLACE_OF = {queued = 'list', rate_limited = 'fair', scheduled = 'scheduled', deferred = 'deferred',
  started = 'leased'}

-- A child's state, as its parent counts it, from the child's own status.
local CHILD_STATE = {finished = 'finished', failed = 'failed', stopped = 'failed', canceled = 'canceled'}
local function child_state(child)
  local status = redis.pcall('HGET', p .. ':job:' .. child, 'status')
  if type(status) ~= 'string' then return 'canceled' end
  return CHILD_STATE[status] or 'pending'
end

-- Whether something will release a deferred job. RQ's own dependents (no options) are left to RQ.
local function is_awaited(id, o)
  if not o then return true end
  if o.flow then
    if redis.call('EXISTS', flow_of(p, id)) == 0 then return false end
    local children = redis.call('HGETALL', children_of(p, id))
    for i = 1, #children, 2 do
      if children[i + 1] == 'pending' and child_state(children[i]) ~= 'pending' then return false end
    end
    return true
  end
  return not o.key or redis.call('ZSCORE', parked_of(p, o.key), id) ~= false
end

local function release_deferred(id, o)
  if o.key then return undefer(p, id, false, now) end
  local children = redis.call('HGETALL', children_of(p, id))
  for i = 1, #children, 2 do
    if children[i + 1] == 'pending' then child_moved(p, id, children[i], child_state(children[i]), now) end
  end
  if redis.call('EXISTS', flow_of(p, id)) == 0 then undefer(p, id, false, now) end
end

local function judge(id, job, found)
  local place = PLACE_OF[job[1] or '']
  if not place then return #found == 0 and 'ok' or 'ghost' end
  if #found == 0 then return 'orphan' end
  if #found > 1 then return 'double' end
  if found[1] ~= place then return 'misplaced' end
  if place == 'deferred' and not is_awaited(id, options_of(job[7])) then return 'abandoned' end
  return 'ok'
end

-- Removes the job from every place where it waits; unless it is over or runs, puts it where it belongs.
local function repair_job(id, lane, job, verdict)
  if verdict == 'abandoned' then return release_deferred(id, options_of(job[7])) end
  if verdict == 'orphan' and job[1] == 'started' then
    reap(p, id, job[2] or '', now, rules)
    clear_execution(p, lane, queue_of(lane), id, job[2] or '', job[5])
    return
  end
  unplace(p, lane, id, job[3])
  redis.call('ZREM', p .. ':scheduled:' .. lane, id)
  index_due(p, lane)
  if verdict == 'ghost' then
    redis.call('ZREM', p .. ':deferred:' .. lane, id)
    if job[2] then clear_execution(p, lane, queue_of(lane), id, job[2], job[5]) end
    return
  end
  if job[1] == 'started' then return end
  redis.call('ZREM', p .. ':deferred:' .. lane, id)
  if job[1] == 'deferred' then return defer(p, lane, id, now) end
  local status = place(p, lane, id, job[3], job[4], false, now)
  redis.call('HSET', p .. ':job:' .. id, 'status', status, 'enqueued_at', iso(now))
  wake(p, queue_of(lane))
end

local verdicts = {}
for i = 1, tonumber(ARGV[3]) do
  local id, lane = ARGV[2 + 2 * i], ARGV[3 + 2 * i]
  local ok, job = pcall(redis.call, 'HMGET', p .. ':job:' .. id, 'status', 'fence', 'rate_limit_key',
    'rate_limit_concurrency', 'worker_name', 'origin', 'atlas')
  if not ok then job = {} end
  if job[6] then lane = job[6] end
  local verdict = judge(id, job, where_is(id, lane, job[3], job[2]))
  if verdict ~= 'ok' and repair then
    repair_job(id, lane, job, verdict)
    count_total('audit', verdict)
    emit(p, 'repaired', 'job', id, 'queue', queue_of(lane), 'error', verdict)
  end
  verdicts[i] = verdict
end
write_metrics(p, now)
return verdicts
