-- needs: guard
-- Token buckets, of queues and of providers: `jobs` may start in `per_ms`; 0 jobs = no limit.

-- How many jobs a bucket lets start now, and the ms until its next token.
local function tokens_of(p, name, jobs, per_ms, now)
  if jobs == 0 then return 1e9, 0 end
  local b = redis.call('HMGET', p .. ':atlas:bucket:' .. name, 'tokens', 'at')
  local tokens = jobs
  local left, at = number(b[1], -1), number(b[2], 0)
  -- A bucket that makes no sense counts as full: it is written anew with the next job.
  if left >= 0 and at > 0 and at < now + 60000 then
    tokens = math.min(jobs, left + math.max(0, now - at) * jobs / per_ms)
  end
  return tokens, math.ceil((1 - tokens) * per_ms / jobs)
end

-- Takes tokens for the jobs that start.
local function spend(p, name, tokens, taken, jobs, per_ms, now)
  if jobs == 0 or taken == 0 then return end
  local key = p .. ':atlas:bucket:' .. name
  redis.call('HSET', key, 'tokens', string.format('%.6f', tokens - taken), 'at', now)
  redis.call('PEXPIRE', key, math.ceil(per_ms * 2) + 1000)
end

-- The ms until a bucket has a token again, after `taken` were taken; 0 if it has one.
local function refill_ms(tokens, taken, jobs, per_ms)
  local left = tokens - taken
  if jobs == 0 or left >= 1 then return 0 end
  return math.max(1, math.ceil((1 - left) * per_ms / jobs))
end
