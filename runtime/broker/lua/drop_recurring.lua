--[[
  Removes a recurring job, for good: one that is declared in code does not come back by itself. Jobs
  that it enqueued stay.

  KEYS[1] what all keys begin with: the RQ key prefix and ':'
  ARGV[1] actor  [2] reason  [3] id
  Returns 1, or 0 when there was none
]]
-- @include guard audit
local gone = redis.call('HDEL', p .. ':atlas:recurring', ARGV[3])
redis.call('HDEL', p .. ':atlas:recurring-slots', ARGV[3])
if gone == 1 then redis.call('SADD', p .. ':atlas:recurring-removed', ARGV[3]) end
audit(p, ARGV[1], 'remove recurring', ARGV[3], gone, ARGV[2])
return gone
