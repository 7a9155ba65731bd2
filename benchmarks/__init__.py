"""Speed, measured as ratios: every contender in turn, in one run, on one machine, on one Redis."""
