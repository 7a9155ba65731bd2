-- needs: guard
-- Moves a job, with all that is kept of it, from an old key prefix to ours.
local KEPT_OF_A_JOB = {':results:', ':executions:', ':atlas:log:', ':atlas:flow:', ':atlas:children:'}

local function move_key(from, to)
  if raw.call('EXISTS', from) == 1 then raw.call('RENAMENX', from, to) end
end

-- False when a job of that id is there already: the old one stays where it is, with its entries. A
-- stale id counts as moved, since its job may have been moved with another entry.
local function adopt_job(old, id)
  local from, to = old .. ':job:' .. id, p .. ':job:' .. id
  if raw.call('EXISTS', from) == 0 then return true end
  if raw.call('RENAMENX', from, to) == 0 then return false end
  move_key(from .. ':dependents', to .. ':dependents')
  for _, name in ipairs(KEPT_OF_A_JOB) do move_key(old .. name .. id, p .. name .. id) end
  return true
end
