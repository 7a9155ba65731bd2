-- needs: guard breaker bucket
-- The bucket's name of a provider.
local function provider_bucket(name) return 'provider:' .. name end

-- How many jobs of a provider may start now, the ms until that changes, and its tokens. `rule` =
-- {jobs (0 = unlimited), per_ms, cap (0 = none), queues (full names), breaker}.
local function provider_allows(p, name, rule, now)
  local allowed, wait_ms = breaker_allows(p, name, now)
  if allowed < 1 then return 0, wait_ms, 0 end
  local tokens, token_ms = tokens_of(p, provider_bucket(name), rule.jobs, rule.per_ms, now)
  if tokens < 1 then return 0, token_ms, tokens end
  allowed = math.min(allowed, math.floor(tokens))
  if rule.cap > 0 then
    local running = 0
    for _, queue in ipairs(rule.queues) do
      running = running + redis.call('ZCARD', p .. ':atlas:leases:' .. queue)
    end
    if running >= rule.cap then return 0, 0, tokens end
    allowed = math.min(allowed, rule.cap - running)
  end
  return allowed, token_ms, tokens
end
