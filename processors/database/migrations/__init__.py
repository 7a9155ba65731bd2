"""Alembic migrations, run by `processors.database.migrate`."""
