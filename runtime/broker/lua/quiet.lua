--[[
  Lets workers claim nothing any more, or claim again; takes effect on their very next claim.

  KEYS[1] RQ key prefix
  ARGV[1] actor  [2] reason  [3] 'quiet' or 'resume'  [4] number of workers, then their names
  Returns for each 1, or 0 when it was so already
]]
-- @include guard events audit
local p = KEYS[1]
local key = p .. ':atlas:quiet'
local results, done = {}, 0
for i = 1, tonumber(ARGV[4]) do
  local worker = ARGV[4 + i]
  if ARGV[3] == 'quiet' then
    results[i] = redis.call('HSETNX', key, worker, ARGV[1])
  else
    results[i] = redis.call('HDEL', key, worker)
  end
  done = done + results[i]
  if results[i] == 1 then emit(p, 'worker', 'worker', worker, 'state', ARGV[3], 'by', ARGV[1]) end
end
audit(p, ARGV[1], ARGV[3] .. ' workers', #results == 1 and ARGV[5] or (#results .. ' workers'), done, ARGV[2])
return results
