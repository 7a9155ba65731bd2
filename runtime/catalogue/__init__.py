"""What an application declares: queues, kinds of jobs, providers, retries, recurring jobs."""
