"""Bring the database's schema to this version; safe when several processes start at once."""

from pathlib import Path

from sqlalchemy import inspect, text
from sqlalchemy.orm import Session

from processors.database.engine import OWN_SCHEMA, Database

# The newest file in processors/database/migrations/versions; a test keeps it true. It lets a
# process that has nothing to migrate start without importing alembic.
HEAD = "0007"
MIGRATIONS = Path(__file__).parent / "migrations"
# Any number of our own: every process that migrates takes this PostgreSQL advisory lock.
_ADVISORY_LOCK = 4_120_250_001


def migrate(database: Database) -> bool:
    """Upgrade to `HEAD` in one transaction; False when there was nothing to do.

    Raises:
        DatabaseUnavailableError: the database did not answer or refused.
    """
    if current_revision(database) == HEAD:
        return False
    with database.connection() as connection:
        # SQLite's write transaction already shuts others out.
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        if database.crm_schema != "own":
            connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {OWN_SCHEMA}"))
        from alembic import command  # noqa: PLC0415 - only a process that migrates pays for it
        from alembic.config import Config  # noqa: PLC0415

        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return True


def current_revision(database: Database) -> str | None:
    """The schema's revision, or None for an empty database.

    Raises:
        DatabaseUnavailableError: the database did not answer or refused.
    """
    with database.read() as session:
        return _revision(session)


def _revision(session: Session) -> str | None:
    if not inspect(session.connection()).has_table("alembic_version"):
        return None
    return session.execute(text("SELECT version_num FROM alembic_version")).scalar()
