--[[
  Judges jobs that looked wrong to the auditor, each at one moment, and, if asked, puts them right.
  A job that is not in a final state is in exactly one place; one that is, is in none of those.

  KEYS[1] RQ key prefix
  ARGV[1] '1' repair  [2] most stalls a job survives  [3] failed kept for s  [4] failed kept by count
  ARGV[5] exc_string of a lost attempt  [6] exc_string of a job failed as stalled (both base64)
  ARGV[7] number of jobs, then for each its id and the lane where it was seen or says it belongs
  Returns for each: 'ok', 'orphan' (in no place), 'double' (in more than one), 'ghost' (a place
    names a job that is gone or over), 'misplaced' (in one place, but not its state's)
]]
-- @include guard clock lanes waiting schedule retention metrics attempts recover
local p = KEYS[1]
local repair = ARGV[1] == '1'
local now = clock_ms()

local function where_is(id, lane, rl_key, fence)
  local found = {}
  for _ = 1, #(redis.call('LPOS', p .. ':queue:' .. lane, id, 'COUNT', 0)) do found[#found + 1] = 'list' end
  local org = org_of(lane, rl_key)
  if org and redis.call('ZSCORE', p .. ':rl:' .. rl_key .. ':rate_limited', id) then
    found[#found + 1] = 'fair'
  end
  if redis.call('ZSCORE', p .. ':scheduled:' .. lane, id) then found[#found + 1] = 'scheduled' end
  if fence and redis.call('ZSCORE', p .. ':atlas:leases:' .. queue_of(lane), id .. ':' .. fence) then
    found[#found + 1] = 'leased'
  end
  return found
end

local PLACE_OF = {queued = 'list', rate_limited = 'fair', scheduled = 'scheduled', started = 'leased'}

local function judge(job, found)
  local place = PLACE_OF[job[1] or '']
  if not place then return #found == 0 and 'ok' or 'ghost' end
  if #found == 0 then return 'orphan' end
  if #found > 1 then return 'double' end
  return found[1] == place and 'ok' or 'misplaced'
end

-- Out of every waiting place; then, unless it is over or runs, back to where its state belongs.
local function mend(id, lane, job, verdict)
  if verdict == 'orphan' and job[1] == 'started' then
    recover(p, id, job[2] or '', now, tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5], ARGV[6])
    clear_execution(p, lane, queue_of(lane), id, job[2] or '', job[5])
    return
  end
  unplace(p, lane, id, job[3])
  redis.call('ZREM', p .. ':scheduled:' .. lane, id)
  index_due(p, lane)
  if verdict == 'ghost' then
    if job[2] then clear_execution(p, lane, queue_of(lane), id, job[2], job[5]) end
    return
  end
  if job[1] == 'started' then return end
  local status = place(p, lane, id, job[3], job[4], false, now)
  redis.call('HSET', p .. ':job:' .. id, 'status', status, 'enqueued_at', iso(now))
  wake(p, queue_of(lane))
end

local verdicts = {}
for i = 1, tonumber(ARGV[7]) do
  local id, lane = ARGV[6 + 2 * i], ARGV[7 + 2 * i]
  local ok, job = pcall(redis.call, 'HMGET', p .. ':job:' .. id, 'status', 'fence', 'rate_limit_key',
    'rate_limit_concurrency', 'worker_name', 'origin')
  if not ok then job = {} end
  if job[6] then lane = job[6] end
  local verdict = judge(job, where_is(id, lane, job[3], job[2]))
  if verdict ~= 'ok' and repair then mend(id, lane, job, verdict) end
  verdicts[i] = verdict
end
write_metrics(p, now)
return verdicts
