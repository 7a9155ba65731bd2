--[[
  Reads every recurring job, for one worker a second over all workers.

  KEYS[1] what all keys begin with: the RQ key prefix and ':'
  Returns { now ms, definitions by id, newest slots by id }, or nothing when another worker has looked within this second
]]
-- @include guard turn clock
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
