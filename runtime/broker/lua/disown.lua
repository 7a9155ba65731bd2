--[[
  Takes back what a worker holds: all of it when the worker is known to be dead (each counts as a
  stall), or, for a living worker after a lost reply, what it does not know of (to the front of
  its queue, nothing counted, nothing recorded).

  KEYS[1] RQ key prefix
  ARGV[1] worker name  [2] '1' the worker is dead, '0' it lives
  ARGV[3] JSON: the rules of lib/recover.lua
  then, for a living worker, the execution ids that it knows of
  Returns { requeued, failed }
]]
-- @include guard clock lanes waiting seen retention metrics events attempts options deferred keyed endings dead_letter recover
local p = KEYS[1]
local worker, dead = ARGV[1], ARGV[2] == '1'
local now = clock_ms()
local rules = cjson.decode(ARGV[3])
local known = {}
for i = 4, #ARGV do known[ARGV[i]] = true end
local requeued, failed = 0, 0

local function give_back(id, execution)
  local key = p .. ':job:' .. id
  local ok, job = pcall(redis.call, 'HMGET', key, 'status', 'fence', 'origin', 'attempt',
    'rate_limit_key', 'rate_limit_concurrency', 'atlas')
  if not ok or job[1] ~= 'started' or job[2] ~= execution or not job[3] then return nil end
  free_slot(p, job[3], id, job[5])
  release_key(p, id, options_of(job[7]), now)
  local status = place(p, job[3], id, job[5], job[6], true, now)
  redis.call('HSET', key, 'status', status, 'attempt', math.max(0, counter(job[4], 1) - 1))
  redis.call('HDEL', key, 'fence')
  wake(p, queue_of(job[3]))
  return 'requeued'
end

for _, member in ipairs(redis.call('SMEMBERS', p .. ':worker:' .. worker .. ':executions')) do
  local id, execution = string.match(member, '^(.*):([^:]*)$')
  if id and not known[execution] then
    local origin = redis.pcall('HGET', p .. ':job:' .. id, 'origin')
    local outcome
    if dead then
      outcome = recover(p, id, execution, now, rules)
    else
      outcome = give_back(id, execution)
    end
    if type(origin) == 'string' then
      clear_execution(p, origin, queue_of(origin), id, execution, '')
    end
    drop_execution(p, id, execution)
    redis.call('SREM', p .. ':worker:' .. worker .. ':executions', member)
    if outcome == 'requeued' then requeued = requeued + 1 end
    if outcome == 'failed' then failed = failed + 1 end
  end
end
if dead then emit(p, 'worker', 'worker', worker, 'state', 'lost', 'requeued', requeued, 'failed', failed) end
write_metrics(p, now)
return {requeued, failed}
