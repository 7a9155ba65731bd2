--[[
  Stores new jobs and puts each where it waits or is scheduled. Idempotent by job id: a job that
  exists is left as it is.

  KEYS[1] RQ key prefix
  ARGV[1] number of jobs
  then for each job: id, lane, delay in ms ('0' = now), due in ms since the epoch ('0' = by delay),
    rate limit key ('' = plain queue), organisation's cap, RQ data, description, kind
  Returns for each job 1 (created) or 0 (that id exists).
]]
-- @include guard clock lanes waiting schedule metrics
local p = KEYS[1]
local now = clock_ms()
local now_iso = iso(now)
local results, pushes, woken, known = {}, {}, {}, {}
local FIELDS = 9
for i = 1, tonumber(ARGV[1]) do
  local at = 1 + (i - 1) * FIELDS
  local id, lane = ARGV[at + 1], ARGV[at + 2]
  local key = p .. ':job:' .. id
  if redis.call('EXISTS', key) == 1 then
    results[i] = 0
  else
    local queue = queue_of(lane)
    local due = tonumber(ARGV[at + 4])
    if due == 0 then due = now + tonumber(ARGV[at + 3]) end
    local rl_key, cap = ARGV[at + 5], ARGV[at + 6]
    local job = {'status', 'queued', 'origin', lane, 'created_at', now_iso, 'data', ARGV[at + 7],
      'description', ARGV[at + 8]}
    if rl_key ~= '' then
      job[#job + 1] = 'rate_limit_key'
      job[#job + 1] = rl_key
      job[#job + 1] = 'rate_limit_concurrency'
      job[#job + 1] = cap
    end
    if due > now then
      job[2] = 'scheduled'
      schedule_at(p, lane, id, due)
    else
      job[#job + 1] = 'enqueued_at'
      job[#job + 1] = now_iso
      if rl_key ~= '' then
        job[2] = place(p, lane, id, rl_key, cap, false, now)
      else
        pushes[lane] = pushes[lane] or {}
        table.insert(pushes[lane], id)
      end
    end
    if job[2] ~= 'queued' then
      -- A sleeping worker is woken also for a delayed job: it must set its alarm.
      woken[queue] = true
      known[lane] = true
    end
    redis.call('HSET', key, unpack(job))
    count(queue, ARGV[at + 9], 'enq')
    count_total(queue, 'enq')
    results[i] = 1
  end
end
for lane, ids in pairs(pushes) do
  local length
  for from = 1, #ids, 1000 do
    length = redis.call('RPUSH', p .. ':queue:' .. lane, unpack(ids, from, math.min(from + 999, #ids)))
  end
  -- Where others wait already, the lane is known and workers have been woken: a claim that leaves
  -- jobs behind wakes the next worker.
  if length == #ids then
    known[lane] = true
    woken[queue_of(lane)] = true
  end
end
for lane in pairs(known) do redis.call('SADD', p .. ':queues', p .. ':queue:' .. lane) end
for queue in pairs(woken) do wake(p, queue) end
write_metrics(p, now)
return results
