--[[
  Takes jobs off a worker.
  - The worker was lost: all of its jobs. Each is reaped, which counts as a stall; if the worker said
    which of them ended it (atlas_blamed), only those are, and the others are released.
  - It ended in order: all of its jobs are released, to the front of their queues; nothing is counted
    or recorded.
  - It lives and lost a reply: the jobs that it does not know of are released.
  A worker that is gone is taken out of RQ's list of workers (rq/worker/base.py, register_death).

  KEYS[1] what all keys begin with: the RQ key prefix and ':'
  ARGV[1] worker name  [2] 'lives', 'gone' (it ended in order) or 'lost'
  ARGV[3] JSON: the rules of lib/reap.lua  [4] why it was lost, in words, or ''
  then, for a living worker, the execution ids that it knows
  Returns { requeued, failed }
]]
-- @include guard clock lanes waiting schedule seen retention metrics events attempts options deferred keyed endings dead_letter reap
local worker, state = ARGV[1], ARGV[2]
local entry = p .. ':worker:' .. worker
local now = clock_ms()
local rules = cjson.decode(ARGV[3])
local known = {}
for i = 5, #ARGV do known[ARGV[i]] = true end
local requeued, failed = 0, 0

-- Which executions ended the worker, if it said so; nil when any of them may have.
local function blamed()
  local text = redis.call('HGET', entry, 'atlas_blamed')
  if not text then return nil end
  local found = {}
  for execution in string.gmatch(text, '[^,]+') do found[execution] = true end
  return found
end
local culprits = state == 'lost' and blamed()

local function strike_off()
  redis.call('SREM', p .. ':workers', entry)
  local lanes = redis.call('HGET', entry, 'queues')
  for lane in string.gmatch(lanes or '', '[^,]+') do
    redis.call('SREM', p .. ':workers:' .. lane, entry)
  end
  if redis.call('EXISTS', entry) == 1 then
    redis.call('HSET', entry, 'death', iso(now))
    redis.call('EXPIRE', entry, 60)
  end
  redis.call('HDEL', p .. ':atlas:quiet', worker)
end

local function release(id, execution)
  local key = p .. ':job:' .. id
  local ok, job = pcall(redis.call, 'HMGET', key, 'status', 'fence', 'origin', 'attempt',
    'rate_limit_key', 'rate_limit_concurrency', 'atlas')
  if not ok or job[2] ~= execution or not job[3] then return nil end
  free_slot(p, job[3], id, job[5])
  release_key(p, id, options_of(job[7]), now)
  if job[1] ~= 'started' then return nil end  -- RQ canceled it while it ran
  local status = place(p, job[3], id, job[5], job[6], true, now)
  redis.call('HSET', key, 'status', status, 'attempt', math.max(0, counter(job[4], 1) - 1))
  redis.call('HDEL', key, 'fence')
  wake(p, queue_of(job[3]))
  return 'requeued'
end

for _, member in ipairs(redis.call('SMEMBERS', p .. ':atlas:held:' .. worker)) do
  local id, execution = string.match(member, '^(.*):([^:]*)$')
  if id and not known[execution] then
    local origin = redis.pcall('HGET', p .. ':job:' .. id, 'origin')
    local outcome
    if state == 'lost' and (not culprits or culprits[execution]) then
      outcome = reap(p, id, execution, now, rules)
    else
      outcome = release(id, execution)
    end
    if type(origin) == 'string' then
      clear_execution(p, origin, queue_of(origin), id, execution, '')
    end
    drop_execution(p, id, execution)
    redis.call('SREM', p .. ':atlas:held:' .. worker, member)
    if outcome == 'requeued' then requeued = requeued + 1 end
    if outcome == 'failed' then failed = failed + 1 end
  end
end
if state ~= 'lives' then strike_off() end
if state == 'lost' then
  emit(p, 'worker', 'worker', worker, 'state', 'lost', 'requeued', requeued, 'failed', failed, 'cause', ARGV[4])
end
write_metrics(p, now)
return {requeued, failed}
