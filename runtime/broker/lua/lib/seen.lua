-- needs: guard
-- Ids of jobs that ended and were dropped because too many were kept. A producer that repeats a call
-- after a lost reply must still find them, for at least half a minute: each set holds the ids of one.
local SEEN_MS = 30000
-- Some 50 MB; at more than 15,000 jobs a second the time is shorter.
local SEEN_MOST = 500000

local function seen_key(p, now, ago)
  return p .. ':atlas:seen:' .. (math.floor(now / SEEN_MS) - ago)
end

local function remember(p, ids, now)
  local key = seen_key(p, now, 0)
  if redis.call('SCARD', key) >= SEEN_MOST then return end
  for from = 1, #ids, 1000 do
    redis.call('SADD', key, unpack(ids, from, math.min(from + 999, #ids)))
  end
  redis.call('PEXPIRE', key, 2 * SEEN_MS)
end

-- The sets that there are, looked up once a call.
local function seen_sets(p, now)
  local newest, older = seen_key(p, now, 0), seen_key(p, now, 1)
  if redis.call('EXISTS', newest, older) == 0 then return {} end
  return {newest, older}
end

local function was_seen(sets, id)
  for _, key in ipairs(sets) do
    if redis.call('SISMEMBER', key, id) == 1 then return true end
  end
  return false
end
