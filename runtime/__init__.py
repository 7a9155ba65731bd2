"""The engine: queues, jobs, workers, schedules, leases, metrics, reading and controlling."""
