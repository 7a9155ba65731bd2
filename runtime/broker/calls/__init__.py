"""What can be asked of Redis, as values: one module for each family of scripts."""
