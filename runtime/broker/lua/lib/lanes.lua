-- needs: nothing
-- A logical queue is up to five RQ queues: NORMAL has the plain name, the others a suffix.
local LANE_SUFFIXES = {'.critical', '.high', '', '.low', '.background'}

-- The logical queue that a lane (an RQ queue name) belongs to.
local function queue_of(lane)
  for _, suffix in ipairs(LANE_SUFFIXES) do
    if suffix ~= '' and string.sub(lane, -#suffix) == suffix then
      return string.sub(lane, 1, -#suffix - 1)
    end
  end
  return lane
end
