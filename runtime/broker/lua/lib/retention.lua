-- needs: guard lanes seen
-- Removes jobs that were kept long enough. The registries of finished and failed jobs are scored by when
-- they expire, that of canceled ones by when they were canceled (rq/registry.py, rq/job.py): in each
-- the lowest scores go first.
local function forget(p, ids)
  local quarantined = redis.call('EXISTS', p .. ':atlas:quarantine') == 1
  for from = 1, #ids, 1000 do
    local to, keys = math.min(from + 999, #ids), {}
    for i = from, to do
      keys[#keys + 1] = p .. ':job:' .. ids[i]
      keys[#keys + 1] = p .. ':results:' .. ids[i]
    end
    redis.call('UNLINK', unpack(keys))
    if quarantined then redis.call('HDEL', p .. ':atlas:quarantine', unpack(ids, from, to)) end
  end
end

local function drop_oldest(p, registry, count, now)
  local ids = redis.call('ZRANGE', registry, 0, count - 1)
  if #ids == 0 then return end
  redis.call('ZREMRANGEBYRANK', registry, 0, count - 1)
  forget(p, ids)
  remember(p, ids, now)
end

-- Keeps at most `cap` jobs of a logical queue in one kind of final registry, oldest out first.
local function trim(p, registry, queue, cap, now)
  local total, filled = 0, {}
  for _, suffix in ipairs(LANE_SUFFIXES) do
    local key = p .. ':' .. registry .. ':' .. queue .. suffix
    local count = redis.call('ZCARD', key)
    total = total + count
    if count > 0 then filled[#filled + 1] = key end
  end
  local excess = total - cap
  if excess <= 0 then return end
  if #filled == 1 then return drop_oldest(p, filled[1], excess, now) end
  for _ = 1, excess do
    local oldest_key, oldest
    for _, key in ipairs(filled) do
      local head = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
      if head[2] and (not oldest or tonumber(head[2]) < oldest) then
        oldest_key, oldest = key, tonumber(head[2])
      end
    end
    drop_oldest(p, oldest_key, 1, now)
  end
end
