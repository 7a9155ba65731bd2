-- needs: nothing
-- What few jobs have stands in one JSON field of their hash, `atlas`, so that the others pay nothing:
-- key and cap (at most so many jobs of that key run at a time), not_after (ms) and expired ('drop' or
-- 'dead_letter'), unique (the key it holds), parent (the job that waits for it), flow (it waits for
-- children).
local function options_of(text)
  if not text then return nil end
  local ok, read = pcall(cjson.decode, text)
  if not ok or type(read) ~= 'table' then return nil end
  local options = {expired = read.expired == 'dead_letter' and 'dead_letter' or 'drop'}
  for _, name in ipairs({'key', 'unique', 'parent'}) do
    if type(read[name]) == 'string' and read[name] ~= '' then options[name] = read[name] end
  end
  options.flow = read.flow == true
  if type(read.not_after) == 'number' then options.not_after = read.not_after end
  options.cap = type(read.cap) == 'number' and read.cap >= 1 and read.cap or 1
  return options
end
