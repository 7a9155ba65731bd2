-- needs: guard clock waiting schedule attempts
-- What a stock job's producer asked for at its end; empty for other jobs.
local function stock_of(key, kind)
  if kind ~= 'rq' then return {} end
  local f = raw.call('HMGET', key, 'result_ttl', 'failure_ttl', 'repeats_left', 'repeat_intervals',
    'enqueue_at_front_on_retry')
  return {result_ttl = f[1], failure_ttl = f[2], repeats = counter(f[3], 0), intervals = f[4],
    front = f[5] == '1'}
end

-- RQ's Repeat (rq/repeat.py): a job that finished waits again, with the intervals that are left.
-- Its attempts count anew, and its results stay as long as it is to run.
local function repeat_job(p, id, lane, stock, rl_key, cap, now)
  local key, interval_s = p .. ':job:' .. id, 0
  local ok, intervals = pcall(cjson.decode, stock.intervals or '[]')
  if ok and type(intervals) == 'table' and #intervals > 0 then
    interval_s = math.max(0, number(intervals[1], 0))
    if #intervals > 1 then table.remove(intervals, 1) end
    raw.call('HSET', key, 'repeat_intervals', cjson.encode(intervals))
  end
  raw.call('HSET', key, 'repeats_left', stock.repeats - 1, 'attempt', 0)
  raw.call('PERSIST', p .. ':results:' .. id)
  if interval_s > 0 then
    raw.call('HSET', key, 'status', 'scheduled')
    schedule_at(p, lane, id, now + interval_s * 1000)
  else
    raw.call('HSET', key, 'status', place(p, lane, id, rl_key, cap, false, now), 'enqueued_at', iso(now))
  end
end
