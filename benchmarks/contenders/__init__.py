"""The job systems that are compared. Each measures the same figures and prints them as JSON."""
