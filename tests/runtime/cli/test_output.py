"""Output that cannot be written: one line, exit code 1, and a worker that goes on."""

import os
import subprocess
import sys

import pytest

from tests.runtime.cli.conftest import ROOT, Command, one_line

FULL = "/dev/full"
pytestmark = pytest.mark.skipif(not os.path.exists(FULL), reason="no /dev/full here")  # noqa: PTH110


def program(
    environment: dict[str, str], module: str, *arguments: str, out: str | None, err: str | None
) -> tuple[int, str]:
    """Run a program with its output and errors going to files; its exit code and what was read."""
    streams = {}
    for name, path in (("stdout", out), ("stderr", err)):
        streams[name] = subprocess.PIPE if path is None else os.open(path, os.O_WRONLY)
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environment},
        stdin=subprocess.DEVNULL, encoding="utf-8", timeout=60, check=False, **streams,
    )  # fmt: skip
    for stream in streams.values():
        if stream != subprocess.PIPE:
            os.close(stream)
    return done.returncode, (done.stdout or "") + (done.stderr or "")


@pytest.mark.parametrize(
    ("name", "module", "arguments"),
    [
        ("atlas", "runtime.cli", ("status",)),
        ("atlas", "runtime.cli", ("status", "--json")),
        ("atlas", "runtime.cli", ("--help",)),
        ("atlas", "runtime.cli", ("cron", "list", "--help")),
        ("atlas-worker", "runtime.worker", ("--help",)),
        ("atlas-dash", "tui", ("--help",)),
    ],
)
def test_a_full_disk_is_one_line(environment: dict[str, str], name: str, module: str, arguments):
    code, text = program(environment, module, *arguments, out=FULL, err=None)
    assert code == 1
    assert one_line(text) == f"{name}: cannot write the output: No space left on device\n"


@pytest.mark.parametrize("module", ["runtime.cli", "runtime.worker", "tui"])
def test_an_error_that_nobody_can_be_told_is_still_an_exit_code(
    environment: dict[str, str], module: str
):
    assert program(environment, module, "--nope", out=None, err=FULL) == (2, "")


def test_a_worker_whose_log_is_full_does_its_work(atlas: Command, environment: dict[str, str]):
    atlas("enqueue", "echo", "--org", "org_a", "--count", "3")
    done = program(environment, "runtime.worker", "--burst", "--processes", "1", out=FULL, err=FULL)
    assert done == (0, "")
    assert atlas("jobs", "test:plain", "--state", "finished", "--json").json["total"] == 3
