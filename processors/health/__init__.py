"""Health checks of the domain."""
