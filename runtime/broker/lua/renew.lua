--[[
  Renews leases that are still held, and writes RQ's execution record beside each (short jobs do
  without it: it costs a third of the throughput).

  KEYS[1] what all keys begin with: the RQ key prefix and ':'
  ARGV[1] worker name  [2] lease in ms  [3] number of executions
  then for each: id, execution id, lane, started (s, float), rate limit key ('' = plain queue)
  Returns the execution ids that are no longer ours
]]
-- @include guard clock lanes waiting
local worker, lease_ms = ARGV[1], tonumber(ARGV[2])
local now = clock_ms()
local now_iso = iso(now)
local lost = {}
for i = 1, tonumber(ARGV[3]) do
  local at = 3 + (i - 1) * 5
  local id, execution, lane = ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  local key = p .. ':job:' .. id
  local ok, job = pcall(redis.call, 'HMGET', key, 'status', 'fence')
  if ok and job[1] == 'started' and job[2] == execution then
    local member = id .. ':' .. execution
    redis.call('ZADD', p .. ':atlas:leases:' .. queue_of(lane), now + lease_ms, member)
    redis.call('HSET', key, 'last_heartbeat', now_iso)
    -- RQ: an execution lives a minute longer than its heartbeat allows (rq/executions.py).
    local ttl_s = math.ceil(lease_ms / 1000) + 60
    local record = p .. ':execution:' .. member
    redis.call('HSET', record, 'id', execution, 'job_id', id, 'created_at', ARGV[at + 4],
      'last_heartbeat', string.format('%.3f', now / 1000), 'worker_name', worker)
    redis.call('EXPIRE', record, ttl_s)
    redis.call('ZADD', p .. ':executions:' .. id, math.floor(now / 1000) + ttl_s, execution)
    redis.call('EXPIRE', p .. ':executions:' .. id, ttl_s + 60)
  else
    lost[#lost + 1] = execution
    -- If the job is gone, nothing else removes this entry.
    redis.call('SREM', p .. ':atlas:held:' .. worker, id .. ':' .. execution)
    -- RQ deleted or canceled it while it ran, and leaves its slot to us; the worker stops it and writes
    -- nothing more. Under another token it runs elsewhere, and the slot is that attempt's.
    if ok and (job[2] == execution or not job[1]) then free_slot(p, lane, id, ARGV[at + 5]) end
  end
end
return lost
