--[[
  Stores a job that waits for its children, and releases it as soon as they are over (at once if they
  are already). Idempotent by the parent's id. The children exist by now and name it as `parent` in
  their options.

  KEYS[1] what all keys begin with: the RQ key prefix and ':'
  ARGV[1] parent's id  [2] lane  [3] rate limit key ('' = plain queue)  [4] organisation's cap
  ARGV[5] RQ data  [6] description  [7] kind  [8] options (JSON, with flow = true)
  ARGV[9] what a child that fails or is canceled means: 'fail' (the parent fails), 'ignore', 'wait'
    (until it is retried)
  ARGV[10] organisation  [11] number of children, then their ids
  Returns { 1 created or 0 (that id exists), the children that belong elsewhere }
]]
-- @include guard clock lanes waiting metrics events attempts options deferred endings
local now = clock_ms()
local parent, lane = ARGV[1], ARGV[2]
local key, flow, children = p .. ':job:' .. parent, flow_of(p, parent), children_of(p, parent)
if redis.call('EXISTS', key) == 1 then return {0, {}} end

local STATES = {finished = 'finished', failed = 'failed', stopped = 'failed', canceled = 'canceled'}
local counts = {pending = 0, finished = 0, failed = 0, canceled = 0}
local foreign, states = {}, {}
for i = 1, tonumber(ARGV[11]) do
  local id = ARGV[11 + i]
  local state = redis.call('HGET', children, id)
  if not state then
    local job = redis.call('HMGET', p .. ':job:' .. id, 'status', 'atlas')
    local o = options_of(job[2])
    if not o or o.parent ~= parent then foreign[#foreign + 1] = id end
    state = STATES[job[1] or 'canceled'] or 'pending'
  end
  states[id] = state
  counts[state] = counts[state] + 1
end
if #foreign > 0 then return {0, foreign} end
for id, state in pairs(states) do redis.call('HSET', children, id, state) end
redis.call('HSET', flow, 'sealed', '1', 'policy', ARGV[9], 'pending', counts.pending, 'finished',
  counts.finished, 'failed', counts.failed, 'canceled', counts.canceled)
redis.call('PERSIST', children)
redis.call('HSET', key, 'origin', lane, 'created_at', iso(now), 'data', ARGV[5], 'description', ARGV[6],
  'atlas', ARGV[8], 'org', ARGV[10])
if ARGV[3] ~= '' then
  redis.call('HSET', key, 'rate_limit_key', ARGV[3], 'rate_limit_concurrency', ARGV[4])
end
count(queue_of(lane), ARGV[7], 'enq')
count_total(queue_of(lane), 'enq')
defer(p, lane, parent, now)
settle_flow(p, parent, next(states) or '', now)
write_metrics(p, now)
return {1, {}}
