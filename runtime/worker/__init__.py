"""The worker: a supervisor, its processes, their slots, leases and handlers."""
