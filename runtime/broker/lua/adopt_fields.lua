--[[
  Moves fields of a hash from below an old prefix to below ours: counters are added up, of anything
  else what is there already stays. Safe to repeat.

  KEYS[1] what all keys begin with: the RQ key prefix and ':'
  ARGV[1] old prefix  [2] the hash: its key without the prefix  [3] 'count' or 'text'
  then the names: a field belongs to us that is one of them, or begins with one and '|'
  Returns how many were moved
]]
-- @include guard
local from, to, moved = ARGV[1] .. ':' .. ARGV[2], p .. ':' .. ARGV[2], 0
if raw.call('TYPE', from).ok ~= 'hash' then return 0 end
local ours = {}
for i = 4, #ARGV do ours[ARGV[i]] = true end
local fields = raw.call('HGETALL', from)
for i = 1, #fields, 2 do
  local field, value = fields[i], fields[i + 1]
  if ours[field] or ours[string.match(field, '^(.-)|') or ''] then
    -- A minute holds the depth beside its counts; depths are not added up.
    local count = ARGV[3] == 'count' and string.match(value, '^%d+$') and not string.find(field, '||depth', 1, true)
    if count then
      redis.call('HINCRBY', to, field, value)
    else
      redis.call('HSETNX', to, field, value)
    end
    raw.call('HDEL', from, field)
    moved = moved + 1
  end
end
if moved > 0 then
  local ttl_ms = raw.call('PTTL', from)
  -- The last field took the hash with it: as long as a minute is kept at most.
  if string.find(ARGV[2], '^atlas:metrics:') then
    redis.call('PEXPIRE', to, ttl_ms > 0 and ttl_ms or 90000000)
  end
end
return moved
