"""The tutorial's application and its counterparts in dramatiq and taskiq, each run for real."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.apps.run import WORKERS, lines_of
from tests.conftest import missing_server

ROOT = Path(__file__).parents[2]
PACKAGES = ("dramatiq[redis]", "apscheduler", "taskiq", "taskiq-redis")


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python of its own that has the others: they are no dependency of ours."""
    home = tmp_path_factory.mktemp("apps")
    subprocess.run([sys.executable, "-m", "venv", home], check=True)
    python = home / "bin" / "python"
    done = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", *PACKAGES],
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    if done.returncode:
        missing_server(f"cannot install {', '.join(PACKAGES)}: {done.stderr.strip()[-300:]}")
    return python


@pytest.mark.slow
@pytest.mark.timeout(700)
@pytest.mark.parametrize("name", list(WORKERS))
def test_each_application_runs(
    name: str, request: pytest.FixtureRequest, redis_url: str,
    tmp_path: Path,
) -> None:  # fmt: skip
    python = sys.executable if name == "in_atlas" else request.getfixturevalue("others")
    done = subprocess.run(
        [python, "-m", "benchmarks.apps.run", name],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "REDIS_URL": redis_url},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith(f"{name}: {lines_of(name)} lines, runs\n")
