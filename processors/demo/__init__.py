"""The demo: a private Redis, a worker, a lively afternoon in four gyms, and the dashboard."""
