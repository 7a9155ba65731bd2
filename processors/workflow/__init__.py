"""The workflow engine: definitions, conditions, and executions one step a job."""
