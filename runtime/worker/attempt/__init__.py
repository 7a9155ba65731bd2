"""Running one attempt of a job, and judging how it ended."""
