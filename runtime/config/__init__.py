"""Settings: where they come from, what is allowed, and how the programs log."""
