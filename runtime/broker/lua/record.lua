--[[
  Adds an operator's action to the audit stream.

  KEYS[1] what all keys begin with: the RQ key prefix and ':'
  ARGV[1] actor  [2] action  [3] target  [4] count  [5] reason
  Returns 1
]]
-- @include guard audit
audit(p, ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5])
return 1
