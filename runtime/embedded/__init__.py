"""A private Redis server, started and ended with its user."""
