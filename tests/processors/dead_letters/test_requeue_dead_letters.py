"""``atlas dead-letters``: real deaths on a real Redis, and their way back."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from processors import application
from processors.database.engine import Database
from processors.database.insert import insert_new
from processors.database.models import StoredDeadLetter
from processors.dead_letters import commands, requeueing
from processors.dead_letters.reading import Choice
from processors.dead_letters.requeueing import Requeuer
from processors.resources import Resources
from runtime.client import AtlasClient, NewJob
from runtime.config.settings import Settings, load_settings
from runtime.control.control import Control
from runtime.outcomes import Snooze
from runtime.view.reader import Reader
from runtime.view.snapshot import JobState
from tests.processors.harness import ORG, Engine
from tests.runtime.cli.test_terminal import in_terminal

ROOT = Path(__file__).parents[3]
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


class System:
    """Commands, producers and a worker on one Redis and one database."""

    def __init__(self, variables: dict[str, str], database: Database) -> None:
        self.variables = variables
        self.database = database
        self.settings: Settings = load_settings(env_file=None)
        self.client = AtlasClient.from_settings(self.settings)

    def atlas(self, *arguments: str, code: int = 0) -> Any:
        result = CliRunner().invoke(commands.dead_letters, list(arguments))
        assert result.exit_code == code, (result.output, result.exception)
        return json.loads(result.stdout) if "--json" in arguments else result.stdout

    def work(self) -> None:
        """Run all that waits."""
        command = [sys.executable, "-m", "runtime.cli.worker", "--burst", "--processes", "1"]
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **self.variables}
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr

    def add(self, *job_ids: str, **values: Any) -> None:
        """Letters of jobs that Redis does not keep, a second apart."""
        known = {
            "queue": "system:analytics", "kind": "track_event", "org_id": ORG, "attempts": 3,
            "payload": {"event": "visit"}, "error_class": "OSError", "error": "disk full",
            "fingerprint": "f00", "reason": "exhausted", "requeued_at": None,
        }  # fmt: skip
        rows = [
            {"id": f"dead-{job_id}", "job_id": job_id, "died_at": NOW + timedelta(seconds=number)}
            for number, job_id in enumerate(job_ids)
        ]
        with self.database.write() as session:
            insert_new(session, StoredDeadLetter, [known | values | row for row in rows])

    def open(self) -> list[str]:
        return sorted(letter["job_id"] for letter in self.atlas("list", "--json"))

    def waiting(self) -> list[str]:
        with closing(Reader.from_settings(self.settings)) as reader:
            return sorted(job.id for job in reader.page(None, JobState.WAITING).jobs)


@pytest.fixture
def system(redis_url, database, database_url, tmp_path, monkeypatch):
    variables = {
        "REDIS_URL": redis_url, "RQ_KEY_PREFIX": "rq", "DATABASE_URL": database_url,
        "ATLAS_ENV": "test", "HOME": str(tmp_path), "COLUMNS": "200",
    }  # fmt: skip
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("runtime.config.logging_setup.configure_logging", lambda _settings: None)
    made = System(variables, database)
    with made.client:
        yield made


ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def deaths(system: System) -> System:
    """Three mails with a template that does not exist, and a tag for a lead that does not."""
    # The third is as large as can be: the whole record of its death would be larger.
    data = [{}, {}, {"x": "x" * (system.settings.worker.max_payload_bytes - 620)}]
    for number in range(3):
        mail = {"to": "ana@example.com", "subject": "Hi", "template": f"none{number}"}
        mail["template_data"] = data[number]
        system.client.enqueue("send_email", org=ORG, payload=mail, job_id=f"mail_{number}")
    tag = {"lead_id": "nobody", "tag": "vip"}
    system.client.enqueue("add_tag", org=ORG, payload=tag, job_id="tag_1")
    system.work()
    return system


@ON_SQLITE
def test_what_died_is_listed_grouped_and_requeued(deaths: System):
    listed = deaths.atlas("list", "--json")
    assert deaths.open() == ["mail_0", "mail_1", "mail_2", "tag_1"]
    assert len(deaths.atlas("show", "mail_2", "--json")["payload"]["template_data"]["x"]) > 900_000
    [mail] = [letter for letter in listed if letter["job_id"] == "mail_0"]
    assert (mail["kind"], mail["queue"], mail["org"]) == ("send_email", "communication:email", ORG)
    assert (mail["reason"], mail["attempts"]) == ("refused", 1)
    assert mail["error_class"] == "TemplateError"
    shown = deaths.atlas("show", "mail_0")
    assert "there is no email template 'none0'" in shown
    assert "ana@example.com" not in shown + deaths.atlas("list") + json.dumps(listed)
    assert "a***@example.com" in shown
    mails, tag = deaths.atlas("groups", "--json")
    assert (mails["count"], tag["count"]) == (3, 1)
    assert mails["fingerprint"] == mail["fingerprint"]
    assert mails["first_at"] <= mails["last_at"] == mails["example"]["died_at"]
    assert deaths.atlas("list", "--json", "--queue", "workflow:actions")[0]["job_id"] == "tag_1"
    assert "tag_1" in deaths.atlas("list", "--kind", "add_tag", "--org", ORG)

    result = deaths.atlas("requeue", "--group", mails["fingerprint"], "--json", "--reason", "fixed")
    assert (result["done"], result["skipped"]) == (3, 0)
    assert deaths.waiting() == ["mail_0", "mail_1", "mail_2"]
    assert deaths.open() == ["tag_1"]
    again = deaths.atlas("requeue", "--group", mails["fingerprint"])
    assert again == "0 jobs waiting again\n"
    assert len(deaths.atlas("list", "--json", "--requeued")) == 4


@ON_SQLITE
def test_nothing_happens_in_a_terminal_without_a_yes(system: System):
    system.add("a", "b")
    code, screen = in_terminal(system.variables, "n\n", "dead-letters", "requeue", "--all")
    assert code != 0
    assert "plan: requeue 2 dead letters" in screen
    assert system.waiting() == []
    code, screen = in_terminal(system.variables, "y\n", "dead-letters", "requeue", "b")
    assert code == 0
    assert "1 job waiting again" in screen
    assert system.waiting() == ["b"]


def test_what_redis_keeps_no_longer_is_enqueued_anew_once(system: System):
    system.add("gone_1", "gone_2")
    system.add("unreadable", payload=None)
    system.add("outdated", payload={"colour": "red"})
    system.add("huge", payload={"event": "e", "data": {"x": ["y" * 190_000] * 6}})
    result = system.atlas("requeue", "--all", "--yes", "--json", code=1)
    assert (result["done"], result["skipped"]) == (2, 3)
    assert result["message"] == (
        "2 jobs waiting again (2 of them enqueued anew), 3 skipped (gone or in another state)"
    )
    assert any("colour: Extra inputs" in error for error in result["errors"])
    assert any("bytes of payload" in error for error in result["errors"])
    assert system.waiting() == ["gone_1", "gone_2"]
    assert system.open() == ["huge", "outdated", "unreadable"]
    with closing(Reader.from_settings(system.settings)) as reader:
        found = reader.job("gone_1")
    assert (found.summary.org, found.payload) == (ORG, {"event": "visit"})
    # Interrupted between enqueueing and the note of it: a repeat finds the job there.
    with system.database.write() as session:
        session.get_one(StoredDeadLetter, "dead-gone_1").requeued_at = None
    assert system.atlas("requeue", "gone_1", "--json", code=1)["skipped"] == 1
    assert system.waiting() == ["gone_1", "gone_2"]
    assert "gone_1" not in system.open()


def test_what_was_interrupted_goes_on_chunk_by_chunk(system: System, monkeypatch):
    monkeypatch.setattr(requeueing, "CHUNK", 2)
    system.add("a", "b", "c", "d", "e")
    system.add("x", payload=None)
    control = Control.from_settings(system.settings, actor="ana@test")
    with closing(control):
        requeuer = Requeuer(
            system.database, application.catalogue, control, system.client, reason="test"
        )
        first = requeuer.requeue(Choice(group="f00"), go_on=lambda tally: tally.total < 2)
        # "x" died at the same moment as "a" and cannot come back.
        assert (first.anew, first.skipped) == (1, 1)
        assert system.open() == ["b", "c", "d", "e", "x"]
        second = requeuer.requeue(Choice(group="f00"))
    assert (second.anew, second.skipped) == (4, 1)
    assert system.open() == ["x"]
    assert system.waiting() == ["a", "b", "c", "d", "e"]


@ON_SQLITE
def test_many_are_requeued_by_a_job_that_may_be_interrupted(system: System, monkeypatch):
    monkeypatch.setattr(commands, "LARGE", 3)
    monkeypatch.setattr(requeueing, "CHUNK", 2)
    system.add("a", "b", "c", "d", "e")
    first = system.atlas("requeue", "--group", "f00", "--json", "--actor", "ana@desk")
    again = system.atlas("requeue", "--group", "f00", "--json")
    assert (first["done"], again["done"], again["skipped"]) == (1, 0, 1)
    assert first["target"] == again["target"]
    assert system.waiting() == [first["target"]]
    until = datetime.now(UTC)
    engine = Engine(Resources(system.database, {}, system.settings), client=system.client)
    job = NewJob("requeue_dead_letters", "system", {"group": "f00", "until": until})
    with pytest.raises(Snooze, match="2 jobs waiting again"):
        engine.call(job, timeout_s=5)
    assert engine.call(job) == {"retried": 0, "anew": 3, "skipped": 0}
    assert system.open() == []


@ON_SQLITE
def test_wrong_usage_is_refused(system: System):
    wrong: list[list[str]] = [
        ["requeue"], ["requeue", "x", "--all"], ["requeue", "--all", "--group", "g"],
        ["requeue", "x", "--queue", "system:health"], ["list", "--limit", "0"],
    ]  # fmt: skip
    for arguments in wrong:
        system.atlas(*arguments, code=2)
    system.atlas("show", "nothing", code=1)
    assert system.atlas("list") == system.atlas("groups") == "no dead letters\n"
    system.atlas("requeue", "nothing", code=1)


@ON_SQLITE
def test_a_job_that_dies_again_while_others_are_requeued_stays_open(system: System):
    system.add("a")
    plan: Callable[..., Any] = Control.plan_retry

    class Slow(Control):
        def plan_retry(self, **fields):
            system.add("b")
            with system.database.write() as session:
                letter = session.get_one(StoredDeadLetter, "dead-b")
                letter.job_id, letter.died_at = "a", NOW + timedelta(minutes=1)
            return plan(self, **fields)

    control = Slow.from_settings(system.settings, actor="ana@test")
    with closing(control):
        Requeuer(system.database, application.catalogue, control, system.client, reason="").requeue(
            Choice()
        )
    with system.database.read() as session:
        letters = session.scalars(select(StoredDeadLetter).order_by(StoredDeadLetter.id)).all()
    assert [bool(letter.requeued_at) for letter in letters] == [True, False]
