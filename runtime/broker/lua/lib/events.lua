-- needs: guard
-- The event stream, for people who watch: bounded, and nothing depends on it.
local EVENTS_KEPT = 10000
local function emit(p, event, ...)
  redis.call('XADD', p .. ':atlas:events', 'MAXLEN', '~', EVENTS_KEPT, '*', 'event', event, ...)
end
