-- needs: guard
-- The audit stream of operators' actions: who did what to what, how many, and why.
local AUDIT_KEPT = 10000
local function audit(p, actor, action, target, count, reason)
  redis.call('XADD', p .. ':atlas:audit', 'MAXLEN', '~', AUDIT_KEPT, '*', 'actor', actor,
    'action', action, 'target', target, 'count', count, 'reason', reason)
end
