"""Connections: from a URL to a `Database` whose two doors are `read` and `write`."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session

from processors.errors import DatabaseUnavailableError
from runtime.errors import SettingsError

# Of our own tables, in a PostgreSQL database that is the CRM's as well.
OWN_SCHEMA = "atlas"
_BUSY_TIMEOUT_MS = 15_000
_CONNECT_TIMEOUT_S = 5
_ALLOWED = "allowed: sqlite:////absolute/path.db or postgresql://user:password@host/name"


class Database:
    """One per process; safe to share between threads.

    SQLite takes one writer at a time: threads of this process queue on a lock (fair and without
    polling), processes on SQLite's own busy wait, and a write transaction takes the write lock
    when it begins, so that it never fails half-way for want of it.

    Args:
        engine: SQLAlchemy's.
        default_country: of organisations whose row names none; sessions carry it.
        crm_schema: whose tables hold contacts, bookings and so on; sessions carry it.
    """

    def __init__(
        self, engine: Engine, *, default_country: str = "GB", crm_schema: str = "own"
    ) -> None:
        self.engine = engine
        self.default_country = default_country
        self.crm_schema = crm_schema
        # What sessions found out once for all of the process.
        self.shared: dict[str, Any] = {}
        self.is_sqlite = engine.dialect.name == "sqlite"
        self._writer = threading.Lock() if self.is_sqlite else nullcontext()
        self._writing = engine.execution_options(atlas_write=True)

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that may write; committed when the block ends, undone when it raises.

        Raises:
            DatabaseUnavailableError: the database did not answer or refused.
        """
        with self._writer, _one_line_errors(), self._session(self._writing) as session:
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that only reads.

        Raises:
            DatabaseUnavailableError: the database did not answer or refused.
        """
        with _one_line_errors(), self._session(self.engine) as session:
            yield session

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A write transaction without the object layer, for migrations.

        Raises:
            DatabaseUnavailableError: the database did not answer or refused.
        """
        with self._writer, _one_line_errors(), self._writing.begin() as connection:
            yield connection

    @contextmanager
    def _session(self, bind: Engine) -> Iterator[Session]:
        info = {
            "default_country": self.default_country,
            "crm_schema": self.crm_schema,
            "shared": self.shared,
        }
        # A session lives as long as its transaction: what it read may be used afterwards.
        with Session(bind, expire_on_commit=False, info=info) as session, session.begin():
            yield session

    def close(self) -> None:
        """Close the pooled connections."""
        self.engine.dispose()


def connect(
    url: str, *, pool_size: int = 10, default_country: str = "GB", crm_schema: str = "own"
) -> Database:
    """A database for a URL; connects on first use.

    Args:
        url: ``sqlite:///...``, ``postgresql://...`` or ``postgres://...``.
        pool_size: connections kept; twice as many may be open.
        default_country: of organisations whose row names none.
        crm_schema: ``own``, or ``supabase``: then our own tables are in the PostgreSQL schema
            `OWN_SCHEMA`, since those of the CRM have the same names.

    Raises:
        SettingsError: the URL cannot be used, with what is allowed.
    """
    parsed = _parse(url)
    if parsed.get_backend_name() == "sqlite":
        return Database(_sqlite(parsed), default_country=default_country)
    arguments: dict[str, Any] = {
        "connect_timeout": _CONNECT_TIMEOUT_S,
        "application_name": "atlas-queue",
    }
    if crm_schema != "own":
        arguments["options"] = f"-csearch_path={OWN_SCHEMA}"
    try:
        engine = create_engine(
            parsed.set(drivername="postgresql+psycopg"),
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_pre_ping=True,
            hide_parameters=True,
            connect_args=arguments,
        )
    except ImportError:
        raise SettingsError(
            ["DATABASE_URL: PostgreSQL needs psycopg: pip install 'atlas-queue[postgresql]'"]
        ) from None
    return Database(engine, default_country=default_country, crm_schema=crm_schema)


def sqlite_file(url: str) -> Path | None:
    """The file of a SQLite URL, None for another database; touches nothing.

    Raises:
        SettingsError: the URL cannot be used.
    """
    parsed = _parse(url)
    return Path(str(parsed.database)) if parsed.get_backend_name() == "sqlite" else None


def _parse(url: str) -> URL:
    if url.startswith("postgres://"):
        # SQLAlchemy refuses the old spelling, which many hosts still hand out.
        url = "postgresql://" + url.removeprefix("postgres://")
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise SettingsError([f"DATABASE_URL: is not a URL; {_ALLOWED}"]) from None
    backend = parsed.get_backend_name()
    if backend not in ("sqlite", "postgresql"):
        raise SettingsError([f"DATABASE_URL: {backend} is not supported; {_ALLOWED}"])
    if backend == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise SettingsError(
            ["DATABASE_URL: SQLite in memory cannot be shared between processes; name a file"]
        )
    return parsed


def _sqlite(url: URL) -> Engine:
    file = Path(str(url.database)).absolute()
    directory = file.parent
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise SettingsError(
            [f"DATABASE_URL: cannot create {directory}: {error.strerror}; name a writable place"]
        ) from None
    engine = create_engine(url.set(drivername="sqlite"), hide_parameters=True)
    event.listen(engine, "do_connect", lambda *_: _create_private(file))
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _create_private(file: Path) -> None:
    """Leads and messages are nobody else's to read; SQLite's own files beside it get its mode.

    A file that exists is not opened: closing it would drop the locks of all connections that this
    process has to it, and the next process to close its own would delete the log that they write
    (sqlite.org/howtocorrupt.html, 2.2).
    """
    with suppress(OSError):  # it exists, or SQLite meets the error too, and says what it is
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _configure_sqlite(connection: Any, _record: Any) -> None:
    # The driver's own transaction handling is off: it would begin late and deferred.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")
    connection.execute("PRAGMA foreign_keys = ON")
    # FULL: the ledger's "calling" must be on disk before a provider is called.
    connection.execute("PRAGMA synchronous = FULL")
    _ensure_wal(connection)


def _ensure_wal(connection: Any) -> None:
    # Going to WAL needs the file for itself for a moment, and SQLite does not use the busy timeout
    # for it (sqlite.org/wal.html): processes that start at once must try again.
    deadline = time.monotonic() + _BUSY_TIMEOUT_MS / 1000
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except connection.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("atlas_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def _one_line_errors() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        text = " ".join(str(error.orig).split())
        raise DatabaseUnavailableError(f"database: {text}") from error
    except SQLAlchemyError as error:
        text = " ".join(str(error).split())
        raise DatabaseUnavailableError(f"database: {text[:300]}") from error
