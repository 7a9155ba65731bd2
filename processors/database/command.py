"""The database as ``atlas``'s sub-commands use it. Importing this does not load SQLAlchemy."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from processors.settings import CrmSettings
from runtime.cli.shared.options import read_settings

if TYPE_CHECKING:
    from processors.database.engine import Database


@contextmanager
def open_database() -> Iterator["Database"]:
    """The database of the settings, in this version's schema, while a command runs."""
    from processors.database.migrate import migrate  # noqa: PLC0415 - imports SQLAlchemy
    from processors.database.opening import database_of  # noqa: PLC0415

    database = database_of(read_settings().of(CrmSettings))
    try:
        # Before the first worker ran there is no table to read.
        migrate(database)
        yield database
    finally:
        database.close()
