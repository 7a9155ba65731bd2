--[[
  Runs a chunk of one lane's failed jobs again, oldest first, up to a cutoff: jobs that fail later
  have a higher score and are not touched. The caller repeats this until none is left.

  KEYS[1] what all keys begin with: the RQ key prefix and ':'
  ARGV[1] lane  [2] cutoff score  [3] most jobs  [4] '1' keep the attempts used
  Returns { retried, skipped }
]]
-- @include guard clock lanes waiting metrics events attempts options deferred endings retry
local now = clock_ms()
local lane, done, skipped = ARGV[1], 0, 0
local key = p .. ':failed:' .. lane
for _, id in ipairs(redis.call('ZRANGEBYSCORE', key, '-inf', ARGV[2], 'LIMIT', 0, ARGV[3])) do
  if retry(p, id, ARGV[4] == '1', false, now) then
    done = done + 1
  else
    -- Its hash is gone or in another state: the entry is stale.
    redis.call('ZREM', key, id)
    skipped = skipped + 1
  end
end
return {done, skipped}
