--[[
  Moves jobs that lie in no place from below an old prefix to below ours, and takes over what the old
  prefix notes of a job: its entry in the quarantine.

  KEYS[1] what all keys begin with: the RQ key prefix and ':'
  ARGV[1] old prefix, then the ids
  Returns for each 1 (moved, or gone) or 0 (a job of that id is there already)
]]
-- @include guard adopt
local results = {}
for i = 2, #ARGV do
  local id = ARGV[i]
  results[i - 1] = adopt_job(ARGV[1], id) and 1 or 0
  local entry = raw.call('HGET', ARGV[1] .. ':atlas:quarantine', id)
  if entry and results[i - 1] == 1 then
    redis.call('HSETNX', p .. ':atlas:quarantine', id, entry)
    raw.call('HDEL', ARGV[1] .. ':atlas:quarantine', id)
  end
end
return results
