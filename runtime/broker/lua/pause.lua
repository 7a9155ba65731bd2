--[[
  Pauses or resumes one queue; takes effect on the very next claim of every worker.

  KEYS[1] RQ key prefix
  ARGV[1] actor  [2] reason  [3] full queue name  [4] 'pause' or 'resume'  [5] logical queue name
  Returns 1, or 0 when the queue was in that state already (a pause then keeps its first author)
]]
-- @include guard clock waiting events audit
local p = KEYS[1]
local queue = ARGV[3]
local changed
if ARGV[4] == 'pause' then
  changed = redis.call('HSETNX', p .. ':atlas:paused', queue,
    cjson.encode({by = ARGV[1], reason = ARGV[2], at_ms = clock_ms()}))
else
  changed = redis.call('HDEL', p .. ':atlas:paused', queue)
  wake(p, queue)
end
if changed == 1 then emit(p, ARGV[4] .. 'd', 'queue', queue, 'by', ARGV[1]) end
audit(p, ARGV[1], ARGV[4], ARGV[5], changed, ARGV[2])
return changed
