--[[
  Notes the newest slot of a recurring job whose job was enqueued; never goes back.

  KEYS[1] RQ key prefix
  ARGV[1] id  [2] slot in ms
  Returns 1, or 0 when a newer one is known or the recurring job is gone
]]
-- @include guard
local p = KEYS[1]
local key = p .. ':atlas:recurring-slots'
local known = tonumber(redis.call('HGET', key, ARGV[1]) or '')
if not known or known >= tonumber(ARGV[2]) then return 0 end
redis.call('HSET', key, ARGV[1], ARGV[2])
return 1
