"""The only place that issues Redis commands: Lua scripts and the calls around them."""
