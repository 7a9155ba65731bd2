-- needs: guard
-- Once in a second over all workers: true for the one that comes first.
local function our_turn(key)
  if redis.call('SET', key, '1', 'NX', 'PX', 900) then return true end
  -- One without an end, by a foreign hand, would stop everybody for ever.
  if redis.call('PTTL', key) == -1 then redis.call('DEL', key) end
  return false
end
