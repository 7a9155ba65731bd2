"""What files, shells and containers really hand over: line ends, strange parameters, no home."""

import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest

from runtime.broker.connection import connect, connect_async
from runtime.config.settings import Settings, load_settings
from runtime.errors import SettingsError

ROOT = Path(__file__).parents[3]
# A value that each variable takes and that is not its default.
VALUES = {
    "ATLAS_ENV": "production", "QUEUE_PREFIX": "blue",
    "ATLAS_APPLICATION": "tests.runtime.cli.domain",
    "ATLAS_ALLOWED_FUNCTIONS": "a.b", "REDIS_URL": "redis://:pw@h:1/2", "REDIS_HOST": "h",
    "REDIS_PORT": "1", "REDIS_USERNAME": "u", "REDIS_PASSWORD": "pw", "REDIS_DB": "3",
    "REDIS_TLS": "true", "RQ_KEY_PREFIX": "q",
    "LOG_LEVEL": "debug", "DEBUG": "queue:*", "LOG_FORMAT": "json", "ATLAS_PROCESSES": "1",
    "ATLAS_CONCURRENCY": "1", "ATLAS_LEASE_S": "60", "ATLAS_RENEW_S": "1", "ATLAS_SHUTDOWN_S": "1",
    "ATLAS_MAX_STALLED": "1", "ATLAS_MAX_JOBS": "1", "ATLAS_MAX_MEMORY_MB": "1",
    "ATLAS_MAX_PAYLOAD_BYTES": "2048", "ATLAS_CHILD_JOBS": "1",
}  # fmt: skip


def load(home: Path, **variables: str) -> Settings:
    with mock.patch.dict(os.environ, {"HOME": str(home), **variables}, clear=True):
        return load_settings(env_file=None)


def problems(home: Path, **variables: str) -> list[str]:
    with pytest.raises(SettingsError) as refused:
        load(home, **variables)
    return refused.value.problems


def test_there_is_a_value_for_every_variable() -> None:
    assert set(VALUES) == {item.variable for item in Settings.reference()}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n"])
@pytest.mark.parametrize("variable", list(VALUES))
def test_a_line_end_behind_a_value_is_not_part_of_it(
    variable: str, end: str, tmp_path: Path
) -> None:
    plain = load(tmp_path, **{variable: VALUES[variable]}).model_dump()
    assert load(tmp_path, **{variable: VALUES[variable] + end}).model_dump() == plain
    assert plain != load(tmp_path).model_dump()


@pytest.mark.parametrize("inside", ["\n", "\r", "\x00", "\x1b", "\udcff"])
@pytest.mark.parametrize("variable", list(VALUES))
def test_a_control_character_inside_a_value_is_one_line(
    variable: str, inside: str, tmp_path: Path
) -> None:
    if inside == "\x00":
        # No environment can hold it; a file can.
        (tmp_path / ".env").write_text(f"{variable}='{VALUES[variable]}\x00x'\n")
        with mock.patch.dict(os.environ, {"HOME": str(tmp_path)}, clear=True):
            with pytest.raises(SettingsError) as refused:
                load_settings(env_file=tmp_path / ".env")
            (line,) = refused.value.problems
    else:
        value = f"{VALUES[variable]}{inside}x"
        (line,) = problems(tmp_path, **{variable: value})
    assert line.startswith(f"{variable}: holds a line break or another control character; ")
    assert "\n" not in line


def test_a_space_in_an_address_is_refused(tmp_path: Path) -> None:
    (line,) = problems(tmp_path, REDIS_URL=VALUES["REDIS_URL"] + " ")
    assert line.startswith("REDIS_URL: holds a space; allowed: ")


@pytest.mark.parametrize(
    ("url", "wrong"),
    [
        ("redis://h?foo=1", "the parameter foo is not allowed (allowed: db, and with rediss://"),
        ("redis://h?decode_responses=true", "the parameter decode_responses is not allowed"),
        ("redis://h?protocol=3", "the parameter protocol is not allowed"),
        ("redis://h?socket_timeout=1", "the parameter socket_timeout is not allowed"),
        ("redis://h?max_connections=1", "the parameter max_connections is not allowed"),
        ("unix:///s?db=0&password=hunter2", "the parameter password is not allowed"),
        ("redis://h?hunter2%0A=1", "the parameter there is not allowed"),
        ("redis://h?db=1&db=2", "the parameter db is given twice"),
        ("redis://h/1?db=2", "the database is given twice"),
        ("redis://h?db=x", "the database is not a number"),
        ("redis://h/0/1", "the database is not a number"),
        ("redis://h?db=", "the database is not a number"),
        ("redis://h?ssl_ca_certs=/ca.pem", "the parameter ssl_ca_certs needs rediss://"),
        ("rediss://h?ssl_ca_certs=/none.pem", "the parameter ssl_ca_certs is not a readable file"),
        ("rediss://h?ssl_ca_path=/none", "the parameter ssl_ca_path is not a directory"),
        ("rediss://h?ssl_cert_reqs=maybe", "ssl_cert_reqs is not required or optional or none"),
        ("rediss://h?ssl_check_hostname=no", "ssl_check_hostname is not true or false"),
        (f"rediss://h?ssl_keyfile={__file__}", "the parameter ssl_keyfile needs ssl_certfile"),
    ],
)
def test_parameters_of_redis_address_that_are_not_allowed(
    url: str, wrong: str, tmp_path: Path
) -> None:
    (line,) = problems(tmp_path, REDIS_URL=url)
    assert line.startswith("REDIS_URL: ")
    assert wrong in line
    assert "hunter2" not in line


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("db=3", {"db": 3}),
        (f"ssl_ca_certs={__file__}", {"ssl_ca_certs": __file__}),
        (
            f"ssl_certfile={__file__}&ssl_keyfile={__file__}&ssl_password=p%26q",
            {"ssl_certfile": __file__, "ssl_keyfile": __file__, "ssl_password": "p&q"},
        ),
        (
            "ssl_cert_reqs=none&ssl_check_hostname=false",
            {"ssl_cert_reqs": "none", "ssl_check_hostname": False},
        ),
        (f"ssl_ca_path={Path(__file__).parent}", {"ssl_ca_path": str(Path(__file__).parent)}),
    ],
)
def test_parameters_that_are_allowed_reach_both_clients(
    query: str, expected: dict[str, object], tmp_path: Path
) -> None:
    settings = load(tmp_path, REDIS_URL=f"rediss://h?{query}")
    for client in (connect(settings), connect_async(settings)):
        pool = client.connection_pool
        assert expected.items() <= pool.connection_kwargs.items()
        made = pool.connection_class(**pool.connection_kwargs)  # nothing it does not take
        assert made is not None


@pytest.mark.parametrize(
    "program",
    [
        ["runtime.cli", "status"], ["runtime.cli", "check"], ["runtime.cli", "env"],
        ["runtime.cli", "outbox"], ["runtime.cli", "pause", "system:retry"],
        ["runtime.worker", "--burst"], ["tui"], ["processors.demo", "--env"],
        ["processors.demo", "--seconds", "1"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_user_without_home_or_entry_gets_one_line(program: list[str], tmp_path: Path) -> None:
    # As in a container that is run with a number for its user; the list of users is asked by pwd.
    module, *arguments = program
    code = (
        "import os, pwd, runpy, sys\n"
        "def none(*_): raise KeyError('uid not found')\n"
        "pwd.getpwuid = pwd.getpwnam = none\n"
        f"sys.argv[1:] = {arguments!r}\n"
        f"runpy.run_module({module!r}, run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)},
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr + done.stdout
    assert done.returncode in (1, 2), done
    if module != "tui" and "demo" not in module:
        assert done.stderr == (
            "DATABASE_URL: is not set, and its default lies in a home directory that does not "
            "exist; set it, or HOME, or XDG_STATE_HOME; "
            "allowed: sqlite:///path, or postgresql://***@host/name\n"
        )
