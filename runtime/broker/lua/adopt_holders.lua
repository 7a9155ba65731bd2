--[[
  Moves what names jobs from below an old prefix to below ours, as far as those jobs are ours by now:
  unique keys, and the running and parked jobs of concurrency keys. Of workers that are gone it
  removes what they held.

  KEYS[1] what all keys begin with: the RQ key prefix and ':'
  ARGV[1] old prefix  [2] the key without its prefix
  Returns how many were moved
]]
-- @include guard
local old, name = ARGV[1], ARGV[2]
local from, to, moved = old .. ':' .. name, p .. ':' .. name, 0
local held = raw.call('TYPE', from).ok

local function ours(id)
  return raw.call('EXISTS', old .. ':job:' .. id) == 0 and raw.call('EXISTS', p .. ':job:' .. id) == 1
end

if held == 'string' then
  if ours(raw.call('GET', from)) then moved = raw.call('RENAMENX', from, to) end
elseif held == 'zset' then
  local entries = raw.call('ZRANGE', from, 0, -1, 'WITHSCORES')
  for i = 1, #entries, 2 do
    if ours(entries[i]) then
      redis.call('ZADD', to, entries[i + 1], entries[i])
      redis.call('SADD', p .. ':atlas:parked-keys', string.sub(name, #'atlas:parked:' + 1))
      raw.call('ZREM', from, entries[i])
      moved = moved + 1
    end
  end
elseif held == 'set' then
  for _, member in ipairs(raw.call('SMEMBERS', from)) do
    local id = string.match(member, '^(.*):') or member
    if ours(id) then
      if string.find(name, '^atlas:key:') then redis.call('SADD', to, member) end
      raw.call('SREM', from, member)
      moved = moved + 1
    end
  end
end
return moved
