-- needs: guard lanes
-- Which lane of a queue gives the next job: by weights of 16:8:4:2:1, spread so that no lane waits long.
local LANE_ORDER = {1, 2, 1, 3, 1, 2, 1, 4, 1, 2, 1, 3, 1, 2, 1, 5, 1, 2, 1, 3, 1, 2, 1, 4, 1, 2, 1, 3, 1, 2, 1}

-- The lane at `position` in that order if it still has jobs, else the most urgent one that has.
local function next_lane(open, position)
  local due = LANE_ORDER[position % #LANE_ORDER + 1]
  if open[due] then return due end
  for i = 1, #LANE_SUFFIXES do
    if open[i] then return i end
  end
  return nil
end

-- Which lanes of a queue may have jobs, by number, and how many those are. Both places of every lane
-- are looked at: a queue that was fair once may still have jobs in its rings.
local function open_lanes(p, queue)
  local open, found = {}, 0
  for i, suffix in ipairs(LANE_SUFFIXES) do
    local lane = queue .. suffix
    if redis.call('EXISTS', p .. ':queue:' .. lane, p .. ':atlas:ring:' .. lane) > 0 then
      open[i] = true
      found = found + 1
    end
  end
  return open, found
end

-- Whether any lane of a queue may have jobs: one command, where asking for each takes five.
local function anything_waits(p, queue)
  local places = {}
  for _, suffix in ipairs(LANE_SUFFIXES) do
    places[#places + 1] = p .. ':queue:' .. queue .. suffix
    places[#places + 1] = p .. ':atlas:ring:' .. queue .. suffix
  end
  return redis.call('EXISTS', unpack(places)) > 0
end
