"""Runs the commands: in this process where that is enough, as real programs where it is not."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from runtime.cli import atlas as atlas_command
from runtime.cli import worker as worker_command

ROOT = Path(__file__).parents[3]
APPLICATION = "tests.runtime.cli.domain"


@dataclass(frozen=True)
class Outcome:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == 0, self
        return json.loads(self.out)


Command = Callable[..., Outcome]


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, redis_url: str, tmp_path: Path) -> dict[str, str]:
    """The variables of the commands under test; in force in this process."""
    variables = {
        "REDIS_URL": redis_url,
        "RQ_KEY_PREFIX": "rq",
        "ATLAS_ENV": "test",
        "ATLAS_APPLICATION": APPLICATION,
        "HOME": str(tmp_path),
        "EFFECTS_DB": str(tmp_path / "effects.db"),
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return variables


@pytest.fixture
def atlas(environment: dict[str, str], capfd: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """``atlas(...)`` in this process."""
    yield from _in_process(atlas_command.main, capfd)


@pytest.fixture
def atlas_worker(
    environment: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> Iterator[Command]:
    """``atlas-worker`` in this process: for what it refuses to start with."""
    yield from _in_process(worker_command.main, capfd)


def _in_process(
    main: Callable[[list[str]], None], capfd: pytest.CaptureFixture[str]
) -> Iterator[Command]:
    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level

    def run(*arguments: str) -> Outcome:
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        printed = capfd.readouterr()
        assert isinstance(ended.value.code, int)
        return Outcome(ended.value.code, printed.out, printed.err)

    yield run
    logging.getLogger().handlers[:] = handlers
    logging.getLogger().setLevel(level)


@pytest.fixture
def run_program(environment: dict[str, str]) -> Callable[..., Outcome]:
    """Runs ``python -m MODULE ...`` as a program of its own."""

    def run(module: str, *arguments: str, stdin: str = "", **extra: str) -> Outcome:
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environment, **extra},
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=60,
            check=False,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def work_off(run_program: Callable[..., Outcome]) -> Callable[[], None]:
    """Runs all that waits, with a real worker, and returns when nothing does."""

    def work() -> None:
        done = run_program("runtime.cli.worker", "--burst", "--processes", "1")
        assert done.code == 0, done.err

    return work


def one_line(text: str) -> str:
    assert text.endswith("\n")
    assert text.count("\n") == 1, text
    return text
