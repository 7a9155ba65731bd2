--[[
  Records that something outside (a database) is away, as one host sees it, or that it is back. An
  outage that nobody has confirmed for a minute is forgotten.

  KEYS[1] what all keys begin with: the RQ key prefix and ':'
  ARGV[1] what is away  [2] host  [3] error ('' = it is back)
  Returns 1 if nobody had said so before
]]
-- @include guard clock events
local now = clock_ms()
local key, what, host, error = p .. ':atlas:outages', ARGV[1], ARGV[2], ARGV[3]
local FORGOTTEN_MS = 60000
local known = redis.call('HGETALL', key)
local since
for i = 1, #known, 2 do
  local from, seen = string.match(known[i + 1], '^(%d+)|(%d+)|')
  if not seen or tonumber(seen) < now - FORGOTTEN_MS then
    redis.call('HDEL', key, known[i])
  elseif known[i] == what .. '|' .. host then
    since = from
  end
end
if error == '' then
  if not since then return 0 end
  redis.call('HDEL', key, what .. '|' .. host)
  emit(p, 'outage', 'provider', what, 'state', 'over', 'host', host)
  return 1
end
redis.call('HSET', key, what .. '|' .. host, (since or now) .. '|' .. now .. '|' .. error)
if since then return 0 end
emit(p, 'outage', 'provider', what, 'state', 'away', 'host', host, 'error', error)
return 1
