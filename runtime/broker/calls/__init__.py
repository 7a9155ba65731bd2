"""What can be asked of Redis, as values: one file a family of scripts."""
