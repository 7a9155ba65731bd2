-- needs: nothing
-- What a claim says of a queue: one of these or, above 0, the ms until a rate or a breaker lets the
-- next job start. The same as ClaimState in runtime/broker/calls/claim.py.
local CLAIM_STATE = {
  empty = 0,
  paused = -1,
  more = -2,   -- more jobs wait than this worker could take
  quiet = -3,  -- this worker is to claim nothing
}
