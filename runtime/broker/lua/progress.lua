--[[
  Notes what running handlers say of themselves: progress and log lines, both bounded. Only for
  executions that still hold their job.

  KEYS[1] what all keys begin with: the RQ key prefix and ':'
  ARGV[1] most lines kept for a job  [2] lines kept for s
  ARGV[3] JSON: for each note a list of job id, execution id, progress (JSON, '' = as it was), lines
  Returns how many notes were taken
]]
-- @include guard clock
local kept, ttl_s = tonumber(ARGV[1]), tonumber(ARGV[2])
local at = clock_ms()
local taken = 0
for _, note in ipairs(cjson.decode(ARGV[3])) do
  local id, progress, lines = note[1], note[3], note[4]
  local key = p .. ':job:' .. id
  local ok, job = pcall(redis.call, 'HMGET', key, 'status', 'fence')
  if ok and job[1] == 'started' and job[2] == note[2] then
    if progress ~= '' then redis.call('HSET', key, 'progress', progress) end
    if #lines > 0 then
      local log = p .. ':atlas:log:' .. id
      for _, line in ipairs(lines) do redis.call('RPUSH', log, at .. ' ' .. line) end
      redis.call('LTRIM', log, -kept, -1)
      redis.call('EXPIRE', log, ttl_s)
    end
    taken = taken + 1
  end
end
return taken
