"""What an action node does: the registry, its actions, and their settings."""
