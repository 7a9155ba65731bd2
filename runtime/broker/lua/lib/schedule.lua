-- needs: guard clock lanes waiting
-- Delayed jobs are in RQ's scheduled registry of their lane, scored in seconds with three decimals.
-- One index over all lanes holds each lane's next due time, so that a claim reads one key, not sixty.
local function schedule_at(p, lane, id, due_ms)
  redis.call('ZADD', p .. ':scheduled:' .. lane, string.format('%.3f', due_ms / 1000), id)
  redis.call('ZADD', p .. ':atlas:due', 'LT', due_ms, lane)
end

-- Corrects the index after a lane's registry changed.
local function index_due(p, lane)
  local head = redis.call('ZRANGE', p .. ':scheduled:' .. lane, 0, 0, 'WITHSCORES')
  if #head == 0 then
    redis.call('ZREM', p .. ':atlas:due', lane)
  else
    redis.call('ZADD', p .. ':atlas:due', math.ceil(tonumber(head[2]) * 1000), lane)
  end
end

-- Moves at most `limit` due jobs to where they wait; returns how many.
local function promote(p, now, limit)
  local moved = 0
  local lanes = redis.call('ZRANGEBYSCORE', p .. ':atlas:due', '-inf', now)
  for _, lane in ipairs(lanes) do
    local registry = p .. ':scheduled:' .. lane
    local ids = redis.call('ZRANGEBYSCORE', registry, '-inf', string.format('%.3f', now / 1000),
      'LIMIT', 0, limit - moved)
    for _, id in ipairs(ids) do
      local key = p .. ':job:' .. id
      redis.call('ZREM', registry, id)
      local ok, job = pcall(redis.call, 'HMGET', key, 'status', 'rate_limit_key', 'rate_limit_concurrency',
        'enqueue_at_front', 'enqueue_at_front_on_retry', 'attempt')
      -- A job that was deleted or canceled meanwhile is not brought back.
      -- One whose status says that it waits is put where it waits; if it was there already, the claim
      -- passes over the second entry.
      if ok and (job[1] == 'scheduled' or job[1] == 'queued' or job[1] == 'rate_limited') then
        -- Stock producers may say so (rq/job.py, should_enqueue_at_front).
        local front = job[4] == '1' or (job[5] == '1' and number(job[6], 0) > 0)
        local status = place(p, lane, id, job[2], job[3], front, now)
        redis.call('HSET', key, 'status', status, 'enqueued_at', iso(now))
        moved = moved + 1
      elseif not ok or (not STATUSES[job[1] or ''] and redis.call('EXISTS', key) == 1) then
        -- It can never run: the claim will find it in the list and set it aside with the reason.
        place(p, lane, id, false, '', false, now)
      end
    end
    if #ids > 0 then wake(p, queue_of(lane)) end
    index_due(p, lane)
    if moved >= limit then break end
  end
  return moved
end
