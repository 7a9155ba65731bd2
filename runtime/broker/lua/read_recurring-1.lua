--[[
  For the worker whose turn it is (one in a second over all workers): every recurring job.

  KEYS[1] RQ key prefix
  Returns { now ms, definitions by id, newest slots by id }, or nothing when it is not our turn
]]
-- @include guard turn clock
local p = KEYS[1]
if not our_turn(p .. ':atlas:recurred') then return {} end
return {clock_ms(), redis.call('HGETALL', p .. ':atlas:recurring'),
  redis.call('HGETALL', p .. ':atlas:recurring-slots')}
