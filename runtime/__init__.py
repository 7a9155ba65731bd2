"""The engine: queues, jobs, workers, schedules, leases, metrics, reading and controlling."""

__version__ = "0.1.0"
