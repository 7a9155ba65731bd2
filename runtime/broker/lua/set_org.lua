--[[
  Sets an organisation's weight and cap in all fair queues; weight 1 and no cap of its own is what
  every organisation has.

  KEYS[1] RQ key prefix
  ARGV[1] actor  [2] reason  [3] organisation  [4] weight  [5] cap ('' = each queue's)
  Returns 1
]]
-- @include guard audit
local key = KEYS[1] .. ':atlas:orgs'
if tonumber(ARGV[4]) == 1 and ARGV[5] == '' then
  redis.call('HDEL', key, ARGV[3])
else
  redis.call('HSET', key, ARGV[3], ARGV[4] .. '|' .. ARGV[5])
end
audit(KEYS[1], ARGV[1], 'limits of organisation', ARGV[3], 1, 'weight ' .. ARGV[4] .. ', cap '
  .. (ARGV[5] == '' and 'of the queue' or ARGV[5]) .. (ARGV[2] == '' and '' or ': ' .. ARGV[2]))
return 1
