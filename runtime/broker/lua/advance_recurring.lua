--[[
  Records the newest slot of a recurring job that was enqueued; it never goes back. The last ones are
  kept as its history.

  KEYS[1] what all keys begin with: the RQ key prefix and ':'
  ARGV[1] id  [2] slot in ms  [3] id of the job
  Returns 1, or 0 when a newer one is known or the recurring job is gone
]]
-- @include guard clock
local RUNS_KEPT = 50
local key = p .. ':atlas:recurring-slots'
local known = tonumber(redis.call('HGET', key, ARGV[1]) or '')
if not known or known >= tonumber(ARGV[2]) then return 0 end
redis.call('HSET', key, ARGV[1], ARGV[2])
local runs = p .. ':atlas:recurring-runs:' .. ARGV[1]
redis.call('LPUSH', runs, ARGV[2] .. '|' .. clock_ms() .. '|' .. ARGV[3])
redis.call('LTRIM', runs, 0, RUNS_KEPT - 1)
return 1
