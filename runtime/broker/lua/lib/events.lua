-- needs: guard
-- The stream of what happened, for those who watch: bounded, and never needed to go on.
local EVENTS_KEPT = 10000
local function emit(p, event, ...)
  redis.call('XADD', p .. ':atlas:events', 'MAXLEN', '~', EVENTS_KEPT, '*', 'event', event, ...)
end
