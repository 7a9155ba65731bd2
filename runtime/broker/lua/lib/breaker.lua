-- needs: guard events
-- The circuit breaker of a provider. Closed, it counts successes and failures over a sliding window,
-- estimated from the current and the last window; above the ratio it opens, and no job of the provider's
-- queues starts. When its time is over, one job may try (half-open): its end closes the breaker, or opens
-- it for twice as long. `rule` = {window_ms, ratio, least, open_ms, most_ms}. What an operator set
-- ('open' or 'closed' in `forced`) overrides all of this.
local function breaker_of(p, name) return p .. ':atlas:breaker:' .. name end

-- How many jobs may start now, and ms until that changes.
local function breaker_allows(p, name, now)
  local b = redis.call('HMGET', breaker_of(p, name), 'state', 'until', 'forced')
  if b[3] == 'open' then return 0, 5000 end
  if b[3] == 'closed' or not b[1] or b[1] == 'closed' then return 1e9, 0 end
  local left = (tonumber(b[2]) or 0) - now
  -- Half-open, `until` is how long the probe may take before another one is tried.
  if left > 0 then return 0, left end
  return 1, 0
end

local function breaker_probes(p, name, now, rule)
  local key = breaker_of(p, name)
  local state = redis.call('HGET', key, 'state')
  if (state == 'open' or state == 'half-open') and redis.call('HGET', key, 'forced') ~= 'closed' then
    redis.call('HSET', key, 'state', 'half-open', 'until', now + rule.open_ms)
    if state == 'open' then emit(p, 'breaker', 'provider', name, 'state', 'half-open') end
  end
end

local function breaker_is_probed(p, name)
  return redis.call('HGET', breaker_of(p, name), 'state') == 'half-open'
end

local function trip(p, name, now, rule, trips)
  local open_ms = math.min(rule.open_ms * 2 ^ math.min(trips, 20), rule.most_ms)
  redis.call('HSET', breaker_of(p, name), 'state', 'open', 'until', math.floor(now + open_ms), 'since', now,
    'trips', trips + 1, 'ok', 0, 'bad', 0, 'last_ok', 0, 'last_bad', 0, 'at', now)
  emit(p, 'breaker', 'provider', name, 'state', 'open', 'for_ms', math.floor(open_ms))
end

-- Counts attempts that ended; returns true while the breaker holds the provider back.
local function breaker_counts(p, name, ok, bad, now, rule)
  local key = breaker_of(p, name)
  local b = redis.call('HMGET', key, 'state', 'trips', 'at', 'ok', 'bad', 'last_ok', 'last_bad', 'forced')
  local state, trips = b[1] or 'closed', tonumber(b[2]) or 0
  if b[8] then return b[8] == 'open' end
  if state == 'open' then return true end
  if state == 'half-open' then
    if bad > 0 then
      trip(p, name, now, rule, trips)
      return true
    end
    if ok > 0 then
      redis.call('HSET', key, 'state', 'closed', 'trips', 0, 'since', now, 'until', 0)
      emit(p, 'breaker', 'provider', name, 'state', 'closed')
    end
    return false
  end
  local at, window = tonumber(b[3]) or now, rule.window_ms
  local now_ok, now_bad = tonumber(b[4]) or 0, tonumber(b[5]) or 0
  local last_ok, last_bad = tonumber(b[6]) or 0, tonumber(b[7]) or 0
  if now - at >= window then
    local stale = now - at >= 2 * window
    last_ok, last_bad = stale and 0 or now_ok, stale and 0 or now_bad
    now_ok, now_bad, at = 0, 0, now
  end
  now_ok, now_bad = now_ok + ok, now_bad + bad
  local share = 1 - (now - at) / window
  local ill = now_bad + last_bad * share
  local all = now_ok + last_ok * share + ill
  if bad > 0 and all >= rule.least and ill / all >= rule.ratio then
    trip(p, name, now, rule, trips)
    return true
  end
  redis.call('HSET', key, 'state', 'closed', 'at', at, 'ok', now_ok, 'bad', now_bad, 'last_ok', last_ok,
    'last_bad', last_bad)
  return false
end
