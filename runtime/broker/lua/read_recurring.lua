--[[
  For the worker whose turn it is (one in a second over all workers): every recurring job.

  KEYS[1] RQ key prefix
  Returns { now ms, definitions by id, newest slots by id }, or nothing when it is not our turn
]]
-- @include guard turn clock
local p = KEYS[1]
if not our_turn(p .. ':atlas:recurred') then return {} end
local now = clock_ms()
local key = p .. ':atlas:recurring-slots'
local slots = redis.call('HGETALL', key)
local YEAR_MS = 31536000000
for i = 2, #slots, 2 do
  local slot = tonumber(slots[i])
  if not slot or not (slot >= 0 and slot <= now + YEAR_MS) then
    -- Unreadable, or beyond what any interval reaches: as if it were new.
    redis.call('HSET', key, slots[i - 1], now)
    slot = now
  end
  slots[i] = string.format('%.0f', slot)
end
return {now, redis.call('HGETALL', p .. ':atlas:recurring'), slots}
