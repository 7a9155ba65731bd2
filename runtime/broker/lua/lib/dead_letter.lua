-- needs: guard clock lanes waiting metrics events
-- The organisation of a job of ours; '-' for one of a stock producer, which has none.
local function org_of_job(p, id)
  local org = redis.pcall('HGET', p .. ':job:' .. id, 'org')
  return type(org) == 'string' and org or '-'
end

-- What the ids of dead letters begin with.
local LETTER_ID = 'dead-'

-- Enqueues a dead letter: a job that carries what is known of one that failed for good to where the
-- application keeps such records. `to` = {lane, kind}, or nil when it keeps none. `fields` is a table or
-- JSON.
local function bury(p, to, id, execution, org, fields, now)
  if not to then return end
  local letter = LETTER_ID .. execution
  local key = p .. ':job:' .. letter
  if redis.call('EXISTS', key) == 1 then return end
  local payload = type(fields) == 'string' and fields or cjson.encode(fields)
  local data = '["runtime.entry.perform",null,[],{"kind":' .. cjson.encode(to.kind) .. ',"org":'
    .. cjson.encode(org) .. ',"payload":' .. payload .. '}]'
  local at = iso(now)
  local status = place(p, to.lane, letter, false, false, false, now)
  redis.call('HSET', key, 'status', status, 'origin', to.lane, 'created_at', at, 'enqueued_at', at,
    'data', data, 'org', org, 'description', to.kind .. ' ' .. org .. ' job_id=' .. id)
  redis.call('SADD', p .. ':queues', p .. ':queue:' .. to.lane)
  count(queue_of(to.lane), to.kind, 'enq')
  count_total(queue_of(to.lane), 'enq')
  wake(p, queue_of(to.lane))
  local lane = redis.pcall('HGET', p .. ':job:' .. id, 'origin')
  emit(p, 'dead', 'job', id, 'queue', type(lane) == 'string' and queue_of(lane) or '', 'letter', letter)
end
