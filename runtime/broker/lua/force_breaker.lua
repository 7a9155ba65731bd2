--[[
  An operator opens or closes a provider's breaker, whatever it has counted, or leaves it to itself
  again ('auto': closed, with nothing counted).

  KEYS[1] what all keys begin with: the RQ key prefix and ':'
  ARGV[1] actor  [2] reason  [3] provider  [4] 'open', 'closed' or 'auto'
  ARGV[5] number of queues that use it, then their full names
  Returns 1
]]
-- @include guard clock waiting events audit breaker
local name, word = ARGV[3], ARGV[4]
local key = breaker_of(p, name)
redis.call('DEL', key)
if word ~= 'auto' then
  redis.call('HSET', key, 'forced', word, 'by', ARGV[1], 'reason', ARGV[2], 'since', clock_ms())
end
for i = 1, tonumber(ARGV[5]) do wake(p, ARGV[5 + i]) end
emit(p, 'breaker', 'provider', name, 'state', word, 'by', ARGV[1])
audit(p, ARGV[1], 'breaker ' .. word, name, 1, ARGV[2])
return 1
