"""The database: migrations, the two doors, and errors in one line."""

import multiprocessing
import os
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import func, inspect, select, text

from processors.database.engine import connect
from processors.database.insert import insert_new
from processors.database.migrate import HEAD, MIGRATIONS, current_revision, migrate
from processors.database.models import AnalyticsEvent, Base, Contact, Organisation
from processors.errors import DatabaseUnavailableError
from runtime.errors import SettingsError


def test_head_is_the_newest_migration():
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_upgrade_from_empty_matches_the_models(database_url):
    database = connect(database_url)
    assert current_revision(database) is None
    assert migrate(database) is True
    assert migrate(database) is False
    assert current_revision(database) == HEAD
    with database.connection() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    database.close()


def test_a_new_sqlite_file_is_its_owners_alone(tmp_path):
    before = os.umask(0)
    try:
        database = connect(f"sqlite:///{tmp_path}/below/atlas.db")
        assert not list(tmp_path.rglob("*.db")), "made on first use"
        migrate(database)
        with database.write() as session:
            session.execute(text("SELECT 1"))
            files = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.rglob("atlas.db*")}
        database.close()
    finally:
        os.umask(before)
    assert set(files) >= {"atlas.db", "atlas.db-wal", "atlas.db-shm"}
    assert set(files.values()) == {0o600}


def test_a_sqlite_file_that_is_there_keeps_its_mode(tmp_path):
    file = tmp_path / "atlas.db"
    file.touch()
    file.chmod(0o640)
    database = connect(f"sqlite:///{file}")
    migrate(database)
    database.close()
    assert file.stat().st_mode & 0o777 == 0o640


def _open_and_close(url):
    database = connect(url)
    with database.read() as session:
        session.execute(text("SELECT 1 FROM organisations"))
    database.close()


def test_what_other_processes_close_takes_no_writes_of_this_one(tmp_path):
    # Found in the field: a command that ended deleted the log that a worker went on to write.
    url = f"sqlite:///{tmp_path / 'atlas.db'}"
    database = connect(url)
    migrate(database)
    with database.write() as session:
        session.add(Organisation(id="org_before", name="Before"))
        session.flush()
        with database.read() as reader:  # as in another thread: a second connection
            reader.execute(text("SELECT 1 FROM organisations"))
    command = multiprocessing.get_context("spawn").Process(target=_open_and_close, args=(url,))
    command.start()
    command.join(60)
    assert command.exitcode == 0
    assert (tmp_path / "atlas.db-wal").exists()
    with database.write() as session:
        session.add(Organisation(id="org_after", name="After"))
    other = sqlite3.connect(tmp_path / "atlas.db")
    found = other.execute("SELECT count(*) FROM organisations").fetchone()
    other.close()
    database.close()
    assert found == (2,)


def test_downgrade_leaves_nothing(database_url):
    database = connect(database_url)
    migrate(database)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with database.connection() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    with database.connection() as connection:
        assert set(inspect(connection).get_table_names()) == {"alembic_version"}
    database.close()


def _migrate_in_process(url, barrier, results):
    database = connect(url)
    barrier.wait()
    try:
        results.put(migrate(database))
    except Exception as error:
        results.put(repr(error))


def test_processes_that_start_at_once_migrate_once(database_url):
    spawn = multiprocessing.get_context("spawn")
    barrier, results = spawn.Barrier(4), spawn.Queue()
    workers = [
        spawn.Process(target=_migrate_in_process, args=(database_url, barrier, results))
        for _ in range(4)
    ]
    for worker in workers:
        worker.start()
    answers = [results.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join()
    # All may find work to do before the lock; none may fail.
    assert set(answers) <= {True, False}
    database = connect(database_url)
    assert current_revision(database) == HEAD
    database.close()


def test_threads_write_without_losing_anything(database):
    def add(number):
        with database.write() as session:
            organisation = session.get_one(Organisation, "org_other", with_for_update=True)
            organisation.settings = {"count": organisation.settings.get("count", 0) + 1}
        return number

    with ThreadPoolExecutor(8) as pool:
        assert len(list(pool.map(add, range(80)))) == 80
    with database.read() as session:
        assert session.get_one(Organisation, "org_other").settings == {"count": 80}


def test_readers_do_not_wait_for_a_writer(database):
    with database.write() as session:
        session.add(Organisation(id="new", name="New"))
        session.flush()
        found = []

        def read():
            with database.read() as other:
                found.append(other.scalar(select(func.count()).select_from(Organisation)))

        thread = threading.Thread(target=read)
        thread.start()
        thread.join(60)
    assert found == [2]


def test_a_block_that_raises_changes_nothing(database):
    def fail():
        with database.write() as session:
            session.add(Organisation(id="new", name="New"))
            session.flush()
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with database.read() as session:
        assert session.get(Organisation, "new") is None
    # And the writer's lock is free again.
    with database.write() as session:
        session.add(Organisation(id="new", name="New"))


def test_errors_are_one_line_without_values(database):
    with pytest.raises(DatabaseUnavailableError) as error, database.write() as session:
        session.add(Contact(org_id="nobody", id="x", email="secret@example.com"))
    assert "\n" not in str(error.value)
    assert "secret@example.com" not in str(error.value)
    with pytest.raises(DatabaseUnavailableError, match=r"^database: "), database.read() as session:
        session.execute(text("SELECT * FROM no_such_table"))


def test_times_come_back_in_utc_and_naive_ones_are_refused(database):
    zone = timezone(timedelta(hours=5))
    moment = datetime(2026, 3, 10, 12, 0, 0, 123456, tzinfo=zone)
    with database.write() as session:
        session.add(Organisation(id="t", name="T", created_at=moment))
    with database.read() as session:
        found = session.get_one(Organisation, "t").created_at
    assert (found, found.tzinfo) == (moment, UTC)
    naive = moment.replace(tzinfo=None)
    with pytest.raises(DatabaseUnavailableError, match="without a zone"), database.write() as s:
        s.add(Organisation(id="n", name="N", created_at=naive))


def test_insert_new_counts_only_what_is_new(database):
    row = {"name": "x", "timezone": "UTC", "settings": {}, "created_at": datetime.now(UTC)}
    with database.write() as session:
        assert insert_new(session, Organisation, [{"id": "a", **row}, {"id": "b", **row}]) == 2
        assert insert_new(session, Organisation, [{"id": "b", **row}, {"id": "c", **row}]) == 1
        assert insert_new(session, Organisation, []) == 0
        assert insert_new(session, AnalyticsEvent, []) == 0


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "is not a URL; allowed: sqlite"),
        ("mysql://x/y", "mysql is not supported; allowed"),
        ("sqlite://", "cannot be shared between processes"),
        ("sqlite:///:memory:", "cannot be shared between processes"),
        ("sqlite:////proc/nowhere/x.db", "cannot create"),
    ],
)
def test_wrong_urls(url, words):
    with pytest.raises(SettingsError, match=words):
        connect(url)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
def test_postgresql_spellings(scheme):
    database = connect(f"{scheme}://user:secret@db.example/atlas")
    assert database.engine.url.drivername == "postgresql+psycopg"
    assert "secret" not in repr(database.engine)


def test_a_server_that_is_away_is_one_line():
    database = connect("postgresql://user:secret@127.0.0.1:1/atlas")
    with pytest.raises(DatabaseUnavailableError) as error, database.read() as session:
        session.execute(text("SELECT 1"))
    assert "\n" not in str(error.value)
    assert "secret" not in str(error.value)


def test_sqlite_is_set_up_for_several_processes(tmp_path):
    path = tmp_path / "below" / "atlas.db"
    database = connect(f"sqlite:///{path}")
    migrate(database)
    with database.read() as session:
        answers = {
            name: session.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "foreign_keys", "busy_timeout", "synchronous")
        }
    assert answers == {
        "journal_mode": "wal", "foreign_keys": 1, "busy_timeout": 15_000, "synchronous": 2,
    }  # fmt: skip
    database.close()
    with sqlite3.connect(path) as other:
        assert other.execute("SELECT count(*) FROM messages").fetchone() == (0,)
    other.close()
