"""What runs beside the jobs in a worker process: writing, heartbeat, housekeeping."""
