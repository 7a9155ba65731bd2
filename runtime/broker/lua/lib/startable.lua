-- needs: guard waiting options keyed quarantine expire
-- The fields of a job that a claim may start, as HMGET gives them.
local STATUS, DATA, ATTEMPT, STALLS, TIMEOUT, ENQUEUED_AT, RL_KEY = 1, 2, 3, 4, 5, 6, 7
local RETRIES_LEFT, RETRY_INTERVALS, OPTIONS, ORIGIN, TTL = 8, 9, 10, 11, 12

-- `claim` = {worker, token, now, max_bytes, policy, quarantined (id, lane, reason of each)}
local function refuse(p, claim, id, lane, reason, is_hash)
  quarantine(p, id, lane, reason, is_hash, claim.worker, claim.now)
  local list = claim.quarantined
  list[#list + 1] = id
  list[#list + 1] = lane
  list[#list + 1] = reason
end

-- The fields of a job that may start now; nil if it must not run.
local function startable(p, claim, id, lane)
  local key = p .. ':job:' .. id
  -- RQ's rule for ids (rq/job.py), which keeps line breaks and colons out of what is read below.
  if string.find(id, '^[%w_-]+$') == nil then
    return refuse(p, claim, id, lane, 'its id is not of letters, digits, _ and -', false)
  end
  local job = raw.pcall('HMGET', key, 'status', 'data', 'attempt', 'stalls', 'timeout',
    'enqueued_at', 'rate_limit_key', 'retries_left', 'retry_intervals', 'atlas', 'origin', 'ttl')
  if job.err then return refuse(p, claim, id, lane, 'its key holds no hash', false) end
  local status, data = job[STATUS], job[DATA]
  if not status and not data then
    -- The job is gone (deleted, expired or evicted), or the hash is not a job.
    if redis.call('EXISTS', key) == 0 then return nil end
    return refuse(p, claim, id, lane, 'its hash has neither status nor data', true)
  end
  if not STATUSES[status or ''] then return refuse(p, claim, id, lane, 'its status is none of RQ\'s', true) end
  if status ~= 'queued' and status ~= 'rate_limited' then return nil end
  local o = options_of(job[OPTIONS])
  if not data then
    refuse(p, claim, id, lane, 'its hash has no data', true)
  elseif #data > claim.max_bytes then
    refuse(p, claim, id, lane, 'its data is larger than allowed', true)
  elseif o and o.not_after and claim.now > o.not_after then
    expire_job(p, id, lane, o, claim.policy, claim.worker, claim.token .. '-expired-' .. id, claim.now)
  elseif not (o and o.key) or take_key(p, id, lane, o, claim.now) then
    return job
  end
  -- RQ gives a job its slot before it starts; this one does not.
  free_slot(p, lane, id, job[RL_KEY])
  return nil
end
