-- needs: guard
-- True for the first worker that asks within a second.
local function our_turn(key)
  if redis.call('SET', key, '1', 'NX', 'PX', 900) then return true end
  -- Another program may have left one that never expires, which would stop every worker.
  if redis.call('PTTL', key) == -1 then redis.call('DEL', key) end
  return false
end
