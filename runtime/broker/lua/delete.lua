--[[
  Deletes jobs that do not run, with everything that belongs to them.

  KEYS[1] what all keys begin with: the RQ key prefix and ':'
  ARGV[1] actor  [2] reason  [3] number of ids, then the ids
  Returns for each 1 (deleted), 0 (no such job) or -1 (it runs: refused)
]]
-- @include guard clock lanes waiting schedule metrics events attempts options deferred keyed endings audit
local now = clock_ms()
local results, done = {}, 0
for i = 1, tonumber(ARGV[3]) do
  local id = ARGV[3 + i]
  local key = p .. ':job:' .. id
  local ok, job = pcall(redis.call, 'HMGET', key, 'status', 'origin', 'rate_limit_key', 'atlas')
  local quarantined = redis.call('HGET', p .. ':atlas:quarantine', id)
  if ok and job[1] == 'started' then
    results[i] = -1
  elseif redis.call('EXISTS', key) == 0 and not quarantined then
    results[i] = 0
  else
    local lane = ok and job[2] or quarantined and string.match(quarantined, '^([^|]*)')
    if lane then
      unplace(p, lane, id, ok and job[3])
      for _, registry in ipairs({'scheduled', 'failed', 'finished', 'canceled', 'deferred'}) do
        redis.call('ZREM', p .. ':' .. registry .. ':' .. lane, id)
      end
      index_due(p, lane)
      redis.call('ZREM', p .. ':atlas:stalled:' .. queue_of(lane), id)
    end
    redis.call('HDEL', p .. ':atlas:quarantine', id)
    local o = ok and options_of(job[4])
    redis.call('UNLINK', key, p .. ':results:' .. id, p .. ':executions:' .. id, key .. ':dependents',
      p .. ':atlas:log:' .. id)
    if o and o.key then redis.call('ZREM', parked_of(p, o.key), id) end
    -- The parent knows already of a child that is over.
    if o and (job[1] ~= 'finished' and job[1] ~= 'failed') then ended_for_good(p, id, o, 'canceled', now) end
    results[i] = 1
    done = done + 1
  end
end
write_metrics(p, now)
audit(p, ARGV[1], 'delete', #results == 1 and ARGV[4] or (#results .. ' jobs'), done, ARGV[2])
return results
