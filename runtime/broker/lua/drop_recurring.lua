--[[
  Removes a recurring job. Jobs that it enqueued stay.

  KEYS[1] RQ key prefix
  ARGV[1] actor  [2] reason  [3] id
  Returns 1, or 0 when there was none
]]
-- @include guard audit
local p = KEYS[1]
local gone = redis.call('HDEL', p .. ':atlas:recurring', ARGV[3])
redis.call('HDEL', p .. ':atlas:recurring-slots', ARGV[3])
audit(p, ARGV[1], 'remove recurring', ARGV[3], gone, ARGV[2])
return gone
