--[[
  Takes back jobs whose lease has run out, at most so many in one call.

  KEYS[1] what all keys begin with: the RQ key prefix and ':'
  ARGV[1] JSON: the rules of lib/reap.lua
  ARGV[2] most jobs to take back  [3] number of queues, then their full names
  Returns { requeued, failed, leases dropped because nothing ran under them }
]]
-- @include guard clock lanes waiting schedule seen retention metrics events attempts options deferred keyed endings dead_letter reap
local now = clock_ms()
local rules = cjson.decode(ARGV[1])
local left = tonumber(ARGV[2])
local requeued, failed, stale = 0, 0, 0
for i = 1, tonumber(ARGV[3]) do
  local queue = ARGV[3 + i]
  local key = p .. ':atlas:leases:' .. queue
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', key, '-inf', now, 'LIMIT', 0, math.max(left, 0))) do
    left = left - 1
    local id, execution = string.match(member, '^(.*):([^:]*)$')
    redis.call('ZREM', key, member)
    if not id then id, execution = member, '' end
    local job = redis.pcall('HMGET', p .. ':job:' .. id, 'origin', 'worker_name', 'fence')
    if job.err or not job[1] then job = {queue, ''} end
    local outcome = reap(p, id, execution, now, rules)
    clear_execution(p, job[1], queue, id, execution, job[3] == execution and job[2] or '')
    drop_execution(p, id, execution)
    if outcome == 'requeued' then
      requeued = requeued + 1
    elseif outcome == 'failed' then
      failed = failed + 1
    else
      stale = stale + 1
    end
  end
end
write_metrics(p, now)
return {requeued, failed, stale}
