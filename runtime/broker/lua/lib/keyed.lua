-- needs: guard waiting deferred
-- At most so many jobs of one key at a time: those that run are a set, those that wait for one of
-- them to end are parked, in the order in which they came.
local function running_of(p, key) return p .. ':atlas:key:' .. key end
local function parked_of(p, key) return p .. ':atlas:parked:' .. key end

-- Takes one of the key's places; false when the job was parked instead.
local function take_key(p, id, lane, o, now)
  local running = running_of(p, o.key)
  if redis.call('SCARD', running) >= o.cap then
    -- A job that was deleted while it ran did not free its place.
    for _, other in ipairs(redis.call('SMEMBERS', running)) do
      if redis.pcall('HGET', p .. ':job:' .. other, 'status') ~= 'started' then
        redis.call('SREM', running, other)
      end
    end
    if redis.call('SCARD', running) >= o.cap then
      placed = placed + 1
      redis.call('ZADD', parked_of(p, o.key), now * 1000 + placed, id)
      redis.call('SADD', p .. ':atlas:parked-keys', o.key)
      defer(p, lane, id, now)
      return false
    end
  end
  redis.call('SADD', running, id)
  return true
end

-- Puts the next parked job of a key back into its queue.
local function unpark(p, key, now)
  local parked = parked_of(p, key)
  while true do
    local next_one = redis.call('ZPOPMIN', parked)
    if not next_one[1] then
      redis.call('SREM', p .. ':atlas:parked-keys', key)
      return
    end
    if undefer(p, next_one[1], true, now) then return end
  end
end

-- The job does not run any more, however it ended.
local function release_key(p, id, o, now)
  if o and o.key and redis.call('SREM', running_of(p, o.key), id) == 1 then unpark(p, o.key, now) end
end
