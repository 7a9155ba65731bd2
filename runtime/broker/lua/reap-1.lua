--[[
  Takes back the jobs whose lease has run out, a bounded number a call.

  KEYS[1] RQ key prefix
  ARGV[1] most stalls a job survives  [2] failed kept for s  [3] failed kept by count
  ARGV[4] exc_string of a lost attempt  [5] exc_string of a job failed as stalled (both base64)
  ARGV[6] most jobs to take back  [7] number of queues, then their full names
  Returns { requeued, failed, leases dropped because nothing ran under them }
]]
-- @include guard clock lanes waiting retention metrics attempts recover
local p = KEYS[1]
local now = clock_ms()
local left = tonumber(ARGV[6])
local requeued, failed, stale = 0, 0, 0
for i = 1, tonumber(ARGV[7]) do
  local queue = ARGV[7 + i]
  local key = p .. ':atlas:leases:' .. queue
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', key, '-inf', now, 'LIMIT', 0, math.max(left, 0))) do
    left = left - 1
    local id, execution = string.match(member, '^(.*):([^:]*)$')
    redis.call('ZREM', key, member)
    local outcome
    if id then
      local job = redis.pcall('HMGET', p .. ':job:' .. id, 'origin', 'worker_name', 'fence')
      if job.err or not job[1] then job = {queue, ''} end
      outcome = recover(p, id, execution, now, tonumber(ARGV[1]), tonumber(ARGV[2]),
        tonumber(ARGV[3]), ARGV[4], ARGV[5])
      clear_execution(p, job[1], queue, id, execution, job[3] == execution and job[2] or '')
      drop_execution(p, id, execution)
    end
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
