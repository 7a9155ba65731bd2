-- needs: guard lanes waiting schedule
-- One job at a time, or one in a period, for a key. The status of the key's holder is looked up: a job
-- that is over holds nothing.
local UNIQUE_TTL_MS = 2592000000
local OPEN = {queued = true, rate_limited = true, scheduled = true, deferred = true, started = true}

-- A job that has not started takes over another's data; with `restart` also its time.
local function take_over(p, holder, job, due, data, description, options, restart)
  redis.call('HSET', p .. ':job:' .. holder, 'data', data, 'description', description, 'atlas', options)
  if restart and job[1] == 'scheduled' then
    redis.call('ZREM', p .. ':scheduled:' .. job[2], holder)
    -- One that is due by now is promoted by the next claim.
    schedule_at(p, job[2], holder, due)
    index_due(p, job[2])
    wake(p, queue_of(job[2]))
  end
  return 'replaced ' .. holder
end

-- What the holder of a job's unique key means for it: nil (it is to be created, and holds the key
-- from now on), or the answer for its producer. `unique` = mode|period in ms|key; modes: reject,
-- throttle, debounce (data and time are replaced), replace (data is).
local function answer_for_unique(p, id, due, data, description, options, unique, now)
  local mode, period_ms, key = string.match(unique, '^(%a+)|(%d+)|(.+)$')
  local name = p .. ':atlas:unique:' .. key
  local holder = redis.call('GET', name)
  if holder then
    if mode == 'throttle' then return 'held ' .. holder end
    local ok, job = pcall(redis.call, 'HMGET', p .. ':job:' .. holder, 'status', 'origin')
    local status = ok and job[1] or ''
    if OPEN[status] and mode == 'reject' then return 'held ' .. holder end
    if OPEN[status] and status ~= 'started' and job[2] then
      return take_over(p, holder, job, due, data, description, options, mode == 'debounce')
    end
  end
  local ttl_ms = mode == 'throttle' and tonumber(period_ms) or math.max(0, due - now) + UNIQUE_TTL_MS
  redis.call('SET', name, id, 'PX', math.max(1, math.floor(ttl_ms)))
  return nil
end
