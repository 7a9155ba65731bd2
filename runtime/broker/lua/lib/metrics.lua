-- needs: guard
-- Counts and histograms per minute, queue and kind, summed up over one call and written once.
-- Field names: 'queue|kind|name'; names are enq, fin, fail, retry, w<bucket>, r<bucket>.
local METRICS_TTL_S = 90000
local BUCKETS_MS = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 30000, 60000, 300000}

-- Index of the first bucket whose upper bound is not below the value; the last one is open.
local function bucket(ms)
  for i, bound in ipairs(BUCKETS_MS) do
    if ms <= bound then return i end
  end
  return #BUCKETS_MS + 1
end

-- queue -> kind -> name -> count; the fields' names are put together once, when they are written.
local metrics = {}
local totals = {}

local function count(queue, kind, name)
  local kinds = metrics[queue]
  if not kinds then
    kinds = {}
    metrics[queue] = kinds
  end
  local names = kinds[kind]
  if not names then
    names = {}
    kinds[kind] = names
  end
  names[name] = (names[name] or 0) + 1
end

local function count_total(queue, name)
  local names = totals[queue]
  if not names then
    names = {}
    totals[queue] = names
  end
  names[name] = (names[name] or 0) + 1
end

local function write_metrics(p, now)
  local key = p .. ':atlas:metrics:' .. math.floor(now / 60000)
  local new = false
  for queue, kinds in pairs(metrics) do
    for kind, names in pairs(kinds) do
      for name, n in pairs(names) do
        if redis.call('HINCRBY', key, queue .. '|' .. kind .. '|' .. name, n) == n then new = true end
      end
    end
  end
  -- A field that was new may have made the key.
  if new then redis.call('EXPIRE', key, METRICS_TTL_S) end
  for queue, names in pairs(totals) do
    for name, n in pairs(names) do
      redis.call('HINCRBY', p .. ':atlas:totals', queue .. '|' .. name, n)
    end
  end
end
