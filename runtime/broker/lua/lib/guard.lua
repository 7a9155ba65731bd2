-- needs: nothing
-- The scripts' way to Redis: included first, it replaces `redis`. A key of ours may hold the wrong type
-- (written by another program, or through a hostile name). The command would fail, half way through a
-- script that Redis does not roll back. Instead the key is set aside for three days, an entry is made in
-- the quarantine, and the command is repeated. The jobs' own hashes are judged by the claim; commands on
-- those use `raw`, which costs less.
local raw = redis
-- The RQ key prefix. The key itself ends in ':', since a Redis user may be limited to what lies below.
local p = string.sub(KEYS[1], 1, -2)
local JOBS = p .. ':job:'
local SET_ASIDE_S = 259200

local function report(what, reason)
  local book, entry = p .. ':atlas:quarantine', '|' .. raw.call('TIME')[1] .. '000|' .. reason
  local reply = raw.pcall('HSET', book, what, entry)
  if type(reply) == 'table' and reply.err then
    raw.call('RENAME', book, p .. ':atlas:set-aside:quarantine')
    raw.call('HSET', book, what, entry)
  end
end

local function set_aside(key)
  local kind = raw.call('TYPE', key).ok
  local aside = p .. ':atlas:set-aside:' .. string.sub(key, #p + 2)
  raw.call('RENAME', key, aside)
  raw.call('EXPIRE', aside, SET_ASIDE_S)
  report(key, 'this key held what it should not, a ' .. kind .. '; kept for three days as ' .. aside)
end

local function guarded(command, ...)
  local reply = raw.pcall(command, ...)
  if type(reply) ~= 'table' or not reply.err then return reply end
  local key, field = ...
  if string.find(reply.err, 'WRONGTYPE', 1, true) or string.find(reply.err, 'exhausted', 1, true) then
    if string.sub(key, 1, #JOBS) ~= JOBS then set_aside(key) end
  elseif command == 'HINCRBY' and string.find(reply.err, 'integer', 1, true) then
    report(key .. ' ' .. field, 'this counter was no number')
    raw.call('HDEL', key, field)
  end
  return raw.call(command, ...)
end

-- A number from Redis; `default` if the value is something else.
local function number(value, default)
  local n = tonumber(value)
  if not n or n ~= n or math.abs(n) > 1e15 then return default end
  return n
end

local redis = {call = guarded, pcall = raw.pcall}
