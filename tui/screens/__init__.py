"""The places of the dashboard: one screen a file."""
