"""The commands of ``atlas``."""
