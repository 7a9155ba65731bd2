-- needs: guard lanes metrics events attempts options deferred
-- What follows when a job is over: its unique key is freed, and its parent is told.
-- A flow is a parent and its children. The hash `flow` counts the children by state (pending,
-- finished, failed, canceled) once it is sealed; the hash `children` holds each one's state.
local FLOW_TTL_S = 604800
local function flow_of(p, parent) return p .. ':atlas:flow:' .. parent end
local function children_of(p, parent) return p .. ':atlas:children:' .. parent end
local end_parent

-- Looks whether the parent may run, or can never run, now.
local function settle_flow(p, parent, child, now)
  local flow = redis.call('HMGET', flow_of(p, parent), 'sealed', 'pending', 'failed', 'canceled', 'policy')
  if flow[1] ~= '1' then return end
  local bad = counter(flow[3], 0) + counter(flow[4], 0)
  if flow[5] == 'fail' and bad > 0 then
    end_parent(p, parent, child, now)
  elseif counter(flow[2], 0) == 0 and (flow[5] ~= 'wait' or bad == 0) then
    undefer(p, parent, false, now)
  end
end

-- A child is in another state: 'pending', 'finished', 'failed' or 'canceled'.
local function child_moved(p, parent, child, state, now)
  local flow, children = flow_of(p, parent), children_of(p, parent)
  local before = redis.call('HGET', children, child)
  if before == state then return end
  redis.call('HSET', children, child, state)
  if redis.call('HGET', flow, 'sealed') == '1' then
    if before then redis.call('HINCRBY', flow, before, -1) end
    redis.call('HINCRBY', flow, state, 1)
    settle_flow(p, parent, child, now)
  else
    -- Its parent is about to come; if the producer died before, nothing is left of it for ever.
    redis.call('EXPIRE', children, FLOW_TTL_S)
  end
end

local function ended_for_good(p, id, o, state, now)
  if not o then return end
  if o.flow then
    redis.call('EXPIRE', flow_of(p, id), FLOW_TTL_S)
    redis.call('EXPIRE', children_of(p, id), FLOW_TTL_S)
  end
  if o.unique and redis.call('GET', p .. ':atlas:unique:' .. o.unique) == id then
    redis.call('DEL', p .. ':atlas:unique:' .. o.unique)
  end
  if o.parent then child_moved(p, o.parent, id, state, now) end
end

end_parent = function(p, parent, child, now)
  local key = p .. ':job:' .. parent
  local job = redis.call('HMGET', key, 'status', 'origin', 'atlas')
  if job[1] ~= 'deferred' or not job[2] then return end
  local lane, kept_s = job[2], FLOW_TTL_S
  redis.call('ZREM', p .. ':deferred:' .. lane, parent)
  local reason = 'its child ' .. child .. ' did not finish'
  redis.call('XADD', p .. ':results:' .. parent, 'MAXLEN', MAX_ATTEMPTS_KEPT, '*', 'type', 2,
    'execution_ended_at', string.format('%.3f', now / 1000), 'attempt', 0, 'outcome', 'failed',
    'error_class', 'ChildFailed', 'error', reason)
  fail_job(p, lane, queue_of(lane), parent, now, kept_s)
  count(queue_of(lane), 'flow', 'fail')
  count_total(queue_of(lane), 'fail')
  emit(p, 'failed', 'job', parent, 'queue', queue_of(lane), 'error', 'ChildFailed: ' .. reason)
  ended_for_good(p, parent, options_of(job[3]), 'failed', now)
end
