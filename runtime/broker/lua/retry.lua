--[[
  Runs failed or canceled jobs again, by id.

  KEYS[1] what all keys begin with: the RQ key prefix and ':'
  ARGV[1] actor  [2] reason  [3] '1' keep the attempts used  [4] number of ids, then the ids
  Returns for each 1 (waiting again) or 0 (gone, or in another state)
]]
-- @include guard clock lanes waiting metrics events attempts options deferred endings retry audit
local now = clock_ms()
local results, done = {}, 0
for i = 1, tonumber(ARGV[4]) do
  local ok = retry(p, ARGV[4 + i], ARGV[3] == '1', true, now)
  results[i] = ok and 1 or 0
  if ok then done = done + 1 end
end
audit(p, ARGV[1], 'retry', #results == 1 and ARGV[5] or (#results .. ' jobs'), done, ARGV[2])
return results
