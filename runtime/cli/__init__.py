"""The commands: ``atlas`` (one-shot) and ``atlas-worker``."""
