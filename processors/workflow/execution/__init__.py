"""Executions: a durable state machine in the database, decided by pure functions."""
