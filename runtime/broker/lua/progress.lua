--[[
  Stores what running handlers report: progress and log lines, both bounded. Reports of executions
  that no longer hold their job are dropped.

  KEYS[1] what all keys begin with: the RQ key prefix and ':'
  ARGV[1] most lines kept for a job  [2] lines kept for s
  ARGV[3] JSON: for each report a list of job id, execution id, progress (JSON, '' = as it was), lines
  Returns how many reports were stored
]]
-- @include guard clock
local kept, ttl_s = tonumber(ARGV[1]), tonumber(ARGV[2])
local at = clock_ms()
local stored = 0
for _, report in ipairs(cjson.decode(ARGV[3])) do
  local id, execution, progress, lines = unpack(report)
  local key = p .. ':job:' .. id
  local ok, job = pcall(redis.call, 'HMGET', key, 'status', 'fence')
  if ok and job[1] == 'started' and job[2] == execution then
    if progress ~= '' then redis.call('HSET', key, 'progress', progress) end
    if #lines > 0 then
      local log = p .. ':atlas:log:' .. id
      for _, line in ipairs(lines) do redis.call('RPUSH', log, at .. ' ' .. line) end
      redis.call('LTRIM', log, -kept, -1)
      redis.call('EXPIRE', log, ttl_s)
    end
    stored = stored + 1
  end
end
return stored
