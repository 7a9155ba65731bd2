"""The demo: its workload is valid and repeatable, and the program leaves nothing behind."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from itertools import islice, takewhile
from pathlib import Path

import psutil
import pytest

from processors.database.models import Workflow
from processors.demo.afternoon import Afternoon
from processors.demo.gyms import GYMS
from processors.demo.program import demo_environment
from processors.demo.seed import seed
from processors.demo.workflows import definitions, quickened
from processors.demo.workload import schedule
from processors.workflow.definition.reading import read_workflow
from runtime.client import NewJob
from runtime.jobs.payload import validate_payload
from tests.processors.harness import CATALOGUE

ROOT = Path(__file__).parents[3]
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


def happenings(seed_number: int, seconds: float) -> list[NewJob]:
    afternoon = Afternoon(seed_number, lambda: NOON)
    jobs = []
    for _, stream in takewhile(lambda item: item[0] < seconds, schedule(afternoon)):
        jobs += stream.make()
    return jobs


def test_ten_minutes_of_workload_are_valid_and_repeatable():
    jobs = happenings(1, 600)
    for job in jobs:
        validate_payload(CATALOGUE.kind(job.kind), job.payload)
    assert jobs == happenings(1, 600)
    assert jobs != happenings(2, 600)
    kinds = Counter(job.kind for job in jobs)
    assert set(kinds) == {
        "process_trigger", "track_event", "add_tag", "update_lead", "send_sms", "send_email",
        "check_health", "clean_up",
    }  # fmt: skip
    ids = Counter(job.job_id for job in jobs)
    repeated = [name for name, times in ids.items() if times > 1]
    assert 0 < len(repeated) < 0.02 * len(jobs)
    # A picture, not a load test.
    assert 3 < len(jobs) / 600 < 9


def test_the_schedule_is_in_order_and_never_ends():
    times = [at for at, _ in islice(schedule(Afternoon(3)), 2_000)]
    assert times == sorted(times)


def test_seeding_twice_changes_nothing(database):
    seed(database)
    seed(database)
    with database.read() as session:
        assert session.query(Workflow).count() == len(GYMS) * len(definitions())


@pytest.mark.parametrize("workflow", definitions(), ids=lambda workflow: workflow["id"])
def test_the_workflows_are_sound_in_either_time(workflow):
    assert read_workflow(workflow).problems == ()
    assert read_workflow(quickened(workflow)).problems == ()


def test_the_children_see_none_of_the_users_settings(tmp_path, monkeypatch):
    monkeypatch.setenv("REDIS_PASSWORD", "secret")
    monkeypatch.setenv("SMTP_URL", "smtp://live.example")
    monkeypatch.setenv("NODE_ENV", "production")
    environment = demo_environment(tmp_path, "unix:///x", 1)
    assert not {"REDIS_PASSWORD", "SMTP_URL", "NODE_ENV"} & set(environment)
    assert environment["ATLAS_ENV"] == "development"


def still_running(family: list[psutil.Process], *, within_s: float) -> list[psutil.Process]:
    """Those that are neither gone nor dead (an init that reaps nobody leaves zombies)."""
    deadline = time.monotonic() + within_s
    while True:
        alive = [process for process in family if _runs(process)]
        if not alive or time.monotonic() > deadline:
            return alive
        psutil.wait_procs(alive, timeout=0.2)


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class Demo:
    """`python -m processors.demo` as a subprocess, with a home and a temporary directory."""

    def __init__(self, directory: Path, *arguments: str) -> None:
        self.temporary = directory / "t"
        self.temporary.mkdir()
        self.home = directory / "home"
        self.home.mkdir()
        self.environment = os.environ | {"TMPDIR": str(self.temporary), "HOME": str(self.home)}
        self.environment.pop("XDG_STATE_HOME", None)
        self.environment["PYTHONPATH"] = str(ROOT)
        self.process = psutil.Popen(
            [sys.executable, "-m", "processors.demo", *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=self.environment, cwd=directory,
        )  # fmt: skip

    def atlas(self, *arguments: str, module: str = "runtime.cli") -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-m", module, *arguments],
            capture_output=True, text=True, timeout=60, env=self.environment, check=False,
        )  # fmt: skip

    def join(self) -> None:
        """Point `atlas` at the running demo, as its hint says."""
        deadline = time.monotonic() + 60
        while (found := self.atlas("--env", module="processors.demo")).returncode:
            assert time.monotonic() < deadline, found.stderr
        for line in found.stdout.splitlines():
            name, _, value = line.removeprefix("export ").partition("=")
            self.environment[name] = value.strip("'")

    def until_workers(self) -> list[psutil.Process]:
        """All processes of the demo, once its workers run."""
        deadline = time.monotonic() + 60
        while True:
            status = self.atlas("status", "--json")
            if status.returncode == 0 and json.loads(status.stdout)["workers"]:
                return self.process.children(recursive=True)
            assert time.monotonic() < deadline, status.stderr
            assert self.process.poll() is None, self.process.communicate()

    def until_it_ends(self) -> tuple[list[psutil.Process], str, str]:
        """All processes it ever had, and what it printed."""
        family: set[psutil.Process] = set()
        while self.process.poll() is None:
            with contextlib.suppress(psutil.NoSuchProcess):
                family.update(self.process.children(recursive=True))
            time.sleep(0.05)
        return list(family), *self.process.communicate()

    def until_delivered(self, address: str) -> None:
        """Until the outbox says what became of the message to this address."""
        deadline = time.monotonic() + 60
        while True:
            outbox = self.atlas(
                "messages", "list", "--org", "org_harbour", "--limit", "500", "--json"
            )
            assert outbox.returncode == 0, outbox.stderr
            states = [m["status"] for m in json.loads(outbox.stdout) if m["to"] == address]
            if {"sent", "rejected", "unknown"} & set(states):
                return
            assert time.monotonic() < deadline, states

    def assert_nothing_left(self, family: list[psutil.Process]) -> None:
        assert still_running(family, within_s=60) == []
        assert list(self.temporary.iterdir()) == []
        assert [path for path in self.home.rglob("*") if "atlas-queue" in str(path)] == []


@pytest.fixture
def demo(tmp_path_factory, request):
    started = []

    def start(*arguments: str) -> Demo:
        # Short: a Unix socket lies below it.
        demo = Demo(tmp_path_factory.mktemp("d"), *arguments)
        started.append(demo)
        return demo

    yield start
    for demo in started:
        if demo.process.poll() is None:
            demo.process.terminate()
        demo.process.communicate(timeout=60)


def test_headless_shows_the_status_and_what_was_delivered(demo):
    """However little a slow machine gets done in that time: the report says what it was."""
    running = demo("--seconds", "3")
    family, out, err = running.until_it_ends()
    assert len(family) >= 3, "Redis, the worker and the workload"
    assert "communication:email" in out, err
    report = re.fullmatch(
        r"(\d+) messages delivered, \d+ refused or without an answer", out.splitlines()[-1]
    )
    assert report, out
    assert running.process.returncode == int(report[1] == "0"), err
    running.assert_nothing_left(family)


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGTERM,
        pytest.param(signal.SIGINT, marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, marks=pytest.mark.slow),
    ],
)
def test_a_trigger_is_delivered_and_a_signal_ends_everything_in_order(demo, number):
    running = demo("--seconds", "300")
    running.join()
    family = running.until_workers()
    assert len(family) >= 4
    lead = {"first_name": "Zelda", "email": "zelda@example.com", "score": 80}
    pushed = running.atlas(
        "trigger", "lead_created", "--org", "org_harbour", "--data", json.dumps(lead)
    )
    assert pushed.returncode == 0, pushed.stderr
    running.until_delivered("zelda@example.com")
    running.process.send_signal(number)
    running.process.communicate(timeout=60)
    assert running.process.returncode == 128 + number
    running.assert_nothing_left(family)


@pytest.mark.slow
def test_a_demo_that_is_killed_leaves_no_process(demo):
    running = demo("--seconds", "300")
    running.join()
    family = running.until_workers()
    running.process.kill()
    running.process.wait()
    # Its Redis is gone at the same moment: the worker waits for it as long as it may (13 s).
    assert still_running(family, within_s=80) == []


def test_without_a_demo_there_is_no_address(demo, tmp_path):
    environment = os.environ | {"HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    environment.pop("XDG_STATE_HOME", None)
    found = subprocess.run(
        [sys.executable, "-m", "processors.demo", "--env"],
        capture_output=True, text=True, env=environment, check=False,
    )  # fmt: skip
    assert found.returncode == 1
    assert found.stderr == "demo: No demo is running; start one with `make demo`.\n"
