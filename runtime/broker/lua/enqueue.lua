--[[
  Stores new jobs and puts each where it waits or is scheduled. Idempotent by job id: a job that
  exists is left as it is, and one that ended a moment ago is not made again.

  KEYS[1] what all keys begin with: the RQ key prefix and ':'
  ARGV[1] number of jobs
  then for each job: id, lane, RQ data, description, kind, rate limit key ('' = plain queue),
    organisation's cap, delay in ms ('0' = now), due in ms since the epoch ('0' = by delay), options
    ('' = none, else JSON: see lib/options.lua), unique ('' = none, else mode|period in ms|key),
    organisation
  Returns for each job 1 (created), 0 (that id exists), or a text: 'held <id>' (another job holds its
    unique key) or 'replaced <id>' (that job took over its data and time)
]]
-- @include guard clock lanes waiting schedule metrics unique seen
local now = clock_ms()
local now_iso = iso(now)
local results, pushes, woken, known = {}, {}, {}, {}
local FIELDS = 12
local seen = seen_sets(p, now)

-- Puts a new job in its place; a plain one that is due is only collected, to be pushed with the others.
local function store(id, lane, due, rl_key, cap, data, description, kind, options, org)
  local queue = queue_of(lane)
  local job = {'status', 'queued', 'origin', lane, 'created_at', now_iso, 'data', data,
    'description', description, 'org', org}
  if rl_key ~= '' then
    job[#job + 1] = 'rate_limit_key'
    job[#job + 1] = rl_key
    job[#job + 1] = 'rate_limit_concurrency'
    job[#job + 1] = cap
  end
  if options ~= '' then
    job[#job + 1] = 'atlas'
    job[#job + 1] = options
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
    -- A delayed job wakes a sleeping worker too, which has to know when the job is due.
    woken[queue] = true
    known[lane] = true
  end
  raw.call('HSET', p .. ':job:' .. id, unpack(job))
  count(queue, kind, 'enq')
  count_total(queue, 'enq')
end

for i = 1, tonumber(ARGV[1]) do
  local at = 1 + (i - 1) * FIELDS
  local id, lane = ARGV[at + 1], ARGV[at + 2]
  if raw.call('EXISTS', p .. ':job:' .. id) == 1 or was_seen(seen, id) then
    results[i] = 0
  else
    local data, description = ARGV[at + 3], ARGV[at + 4]
    local due = tonumber(ARGV[at + 9])
    if due == 0 then due = now + tonumber(ARGV[at + 8]) end
    local options, unique = ARGV[at + 10], ARGV[at + 11]
    if unique ~= '' then
      results[i] = answer_for_unique(p, id, due, data, description, options, unique, now)
    end
    if not results[i] then
      store(id, lane, due, ARGV[at + 6], ARGV[at + 7], data, description, ARGV[at + 5], options,
        ARGV[at + 12])
      results[i] = 1
    end
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
