--[[
  Records that an attempt runs in a process of its own; lib/reap.lua counts its loss against the job.

  KEYS[1] what all keys begin with: the RQ key prefix and ':'
  ARGV[1] job id  [2] execution id
  Returns 1, or 0 when that execution is no longer the job's
]]
-- @include guard
local key = p .. ':job:' .. ARGV[1]
local ok, job = pcall(redis.call, 'HMGET', key, 'status', 'fence')
if not ok or job[1] ~= 'started' or job[2] ~= ARGV[2] then return 0 end
redis.call('HSET', key, 'alone', ARGV[2])
return 1
