--[[
  Creates or changes a recurring job. One that is declared in code is brought up to date at every
  start of a worker, but keeps being paused; one that an operator made or changed is left alone.

  KEYS[1] RQ key prefix
  ARGV[1] actor ('' = declared in code)  [2] reason  [3] id  [4] definition, JSON
  Returns 1, or 0 when it was left alone
]]
-- @include guard clock audit
local p = KEYS[1]
local key, id = p .. ':atlas:recurring', ARGV[3]
local definition = cjson.decode(ARGV[4])
definition.declared = ARGV[1] == ''
local known = redis.call('HGET', key, id)
if known and definition.declared then
  local ok, before = pcall(cjson.decode, known)
  if ok and not before.declared then return 0 end
  if ok then definition.paused = before.paused end
end
-- An empty object would come back as a list; the payload travels as text inside the text.
redis.call('HSET', key, id, cjson.encode(definition))
-- Slots before its birth are not missed ones.
redis.call('HSETNX', p .. ':atlas:recurring-slots', id, clock_ms())
if not definition.declared then audit(p, ARGV[1], 'set recurring', id, 1, ARGV[2]) end
return 1
