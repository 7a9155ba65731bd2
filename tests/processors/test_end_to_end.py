"""The real engine over the real domain: Redis, workers as subprocesses, a real SMTP server."""

import os
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from unittest import mock

import psutil
import pytest
from aiosmtpd.controller import Controller
from sqlalchemy import func, select

from processors import application
from processors.client import CrmClient
from processors.database.engine import Database, connect
from processors.database.migrate import migrate
from processors.database.models import (
    AnalyticsEvent,
    Contact,
    Message,
    Organisation,
    StoredDeadLetter,
    Workflow,
    WorkflowExecution,
    WorkflowStep,
)
from runtime.client import NewJob
from runtime.config.settings import load_settings
from runtime.view.reader import Reader
from runtime.view.snapshot import JobState
from tests.processors.harness import ORG
from tests.processors.shapes import EMAIL, SMS, TAG, TRIGGER, chain, node

ROOT = Path(__file__).parent.parent.parent
# Each job goes on with the execution as far as it can.
ONE_EVENT = Counter(
    process_trigger=1, continue_wait=1, send_email=1, send_sms=1, track_event=2,
)  # fmt: skip
MOMENT = node("wait", "wait", config={"duration": {"value": 200, "unit": "ms"}})


class Server:
    """A worker as a user would start it, and the way to its queues and its database."""

    def __init__(self, directory: Path, redis_url: str, database_url: str, **variables: str):
        self.variables = {
            "HOME": str(directory),
            "ATLAS_ENV": "test",
            "REDIS_URL": redis_url,
            "RQ_KEY_PREFIX": "rq",
            "DATABASE_URL": database_url,
            "ATLAS_PROCESSES": "2",
            "PYTHONPATH": str(ROOT),
            "PATH": os.environ["PATH"],
            **variables,
        }
        with mock.patch.dict(os.environ, self.variables, clear=True):
            self.settings = load_settings(env_file=None)
        self.log = directory / "worker.log"
        self.process: psutil.Popen | None = None
        self.database: Database = connect(database_url)

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = psutil.Popen(
                [sys.executable, "-m", "runtime.worker"],
                env=self.variables, cwd=self.log.parent, stdout=log, stderr=log,
                stdin=subprocess.DEVNULL,
            )  # fmt: skip

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            assert self.process.wait(60) == 0, self.log.read_text()
        self.database.close()

    def until(self, condition: Callable[[], bool], *, within_s: float = 60) -> None:
        deadline = time.monotonic() + within_s
        while not condition():
            assert time.monotonic() < deadline, self.log.read_text()[-3_000:]
            time.sleep(0.05)

    def count(self, model, *where) -> int:
        with self.database.read() as session:
            return session.scalar(select(func.count()).select_from(model).where(*where)) or 0


@pytest.fixture
def server(tmp_path, redis_url, database_url) -> Iterator[Callable[..., Server]]:
    started = []

    def make(**variables: str) -> tuple[Server, CrmClient]:
        made = Server(tmp_path, redis_url, database_url, **variables)
        migrate(made.database)
        with made.database.write() as session:
            session.add(Organisation(id=ORG, name="Iron Works Gym", settings={"quiet_hours": []}))
        client = CrmClient.from_settings(made.settings)
        started.append((made, client))
        return made, client

    yield make
    for made, client in started:
        client.close()
        made.stop()


def test_an_event_becomes_messages(server):
    running, client = server()
    nodes, edges = chain(TRIGGER, EMAIL, MOMENT, SMS, TAG)
    with running.database.write() as session:
        session.add(
            Workflow(org_id=ORG, id="w", name="Welcome", status="active", nodes=nodes,
                     edges=edges, trigger_type="new_lead")
        )  # fmt: skip
    running.start()
    for number in range(20):
        lead = {"first_name": f"Ana{number}", "email": f"ana{number}@example.com",
                "phone": f"077009001{number:02d}"}  # fmt: skip
        for _ in range(2):
            client.trigger_workflow(ORG, "lead_created", lead, job_id=f"event_{number}")
    running.until(
        lambda: (
            running.count(WorkflowExecution, WorkflowExecution.status == "completed") == 20
            and running.count(AnalyticsEvent, AnalyticsEvent.event == "message_sent") == 40
        )
    )
    assert running.count(WorkflowExecution) == 20
    assert running.count(WorkflowStep, WorkflowStep.status == "completed") == 100
    assert running.count(Message, Message.status == "sent") == 40
    assert running.count(Message) == 40
    with running.database.read() as session:
        leads = session.scalars(select(Contact)).all()
    assert len(leads) == 20
    assert all(lead.tags == ["welcomed"] for lead in leads)
    assert_one_trace_an_event(running)


def assert_one_trace_an_event(running: Server) -> None:
    """From the event to the last message and what is counted of it: one trace, 20 in all."""
    with closing(Reader.from_settings(running.settings)) as reader:
        kinds_of: dict[str, Counter[str]] = {}
        spans = set()
        recurring = {one.kind for one in application.recurring}
        for job in reader.page(None, JobState.FINISHED, limit=1_000).jobs:
            if job.kind in recurring:
                continue
            _, trace, span, _ = reader.job(job.id).headers["traceparent"].split("-")
            kinds_of.setdefault(trace, Counter())[job.kind] += 1
            spans.add(span)
    assert len(kinds_of) == 20
    assert all(kinds == ONE_EVENT for kinds in kinds_of.values()), kinds_of
    assert len(spans) == 20 * ONE_EVENT.total()


class CountingInbox:
    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        self.seen.update(envelope.rcpt_tos)
        return "250 OK"


@pytest.fixture
def inbox() -> Iterator[tuple[CountingInbox, int]]:
    handler = CountingInbox()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    yield handler, port
    controller.stop()


# Where workers are killed it is the engine that is tried, and SQLite is the stricter of the two.
BOTH = pytest.mark.parametrize(
    "database_url",
    ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)],
    indirect=True,
)


@BOTH
def test_workers_killed_while_sending_send_nothing_twice(server, inbox):
    """SMTP knows no idempotency key: what was on its way when the worker died is unknown."""
    handler, port = inbox
    running, client = server(
        EMAIL_SENDER="smtp", SMTP_URL=f"smtp://127.0.0.1:{port}",
        DEFAULT_FROM_EMAIL="gym@iron.example",
    )  # fmt: skip
    total = 150
    client.enqueue_many(
        NewJob("send_email", ORG,
               {"to": f"m{number}@example.com", "subject": "Hi", "text": "Hello"},
               job_id=f"mail_{number}")
        for number in range(total)
    )  # fmt: skip
    running.start()
    for part in (20, 60, 100):
        running.until(lambda part=part: len(handler.seen) >= part)
        [victim, *_] = [
            child for child in running.process.children() if "runtime.worker.process" in
            child.cmdline()
        ]  # fmt: skip
        victim.kill()

    def settled() -> bool:
        sent = running.count(Message, Message.status == "sent")
        return sent + running.count(Message, Message.status == "calling") == total

    running.until(settled)
    in_flight = running.count(Message, Message.status == "calling")
    # At most the slots of the three that were killed.
    assert in_flight <= 30
    assert set(handler.seen.values()) == {1}
    assert total - in_flight <= len(handler.seen) <= total


class NoService(socketserver.BaseRequestHandler):
    """An SMTP server that greets with a refusal (RFC 5321, 3.1) and hangs up."""

    def handle(self) -> None:
        self.server.greeted += 1
        self.request.sendall(b"554 5.3.2 no mail service here\r\n")


@contextmanager
def no_service(port: int) -> Iterator[socketserver.TCPServer]:
    socketserver.TCPServer.allow_reuse_address = True
    with socketserver.TCPServer(("127.0.0.1", port), NoService) as refusing:
        refusing.greeted = 0
        thread = threading.Thread(target=refusing.serve_forever, args=(0.05,))
        thread.start()
        yield refusing
        refusing.shutdown()
        thread.join()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_mail_outlasts_a_provider_that_is_away(server):
    """Nobody listens, then somebody says 554, then it works: all mail arrives, each once."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    running, client = server(
        EMAIL_SENDER="smtp", SMTP_URL=f"smtp://127.0.0.1:{port}",
        DEFAULT_FROM_EMAIL="gym@iron.example", ATLAS_APPLICATION="tests.processors.quick_breakers",
    )  # fmt: skip
    total = 12
    ids = [f"mail_{number}" for number in range(total)]
    for job_id in ids:
        client.send_email(ORG, to=f"{job_id}@example.com", subject="Hi", text="Hi", job_id=job_id)
    running.start()
    with closing(Reader.from_settings(running.settings)) as reader:

        def breaker() -> str:
            [email] = [r for r in reader.snapshot().providers if r.name == "email"]
            return email.state

        def outcomes() -> Counter[str]:
            return Counter(a.outcome for job_id in ids for a in reader.job(job_id).attempts)

        running.until(lambda: breaker() != "closed" and outcomes()["parked"] >= 3)
        with no_service(port) as refusing:
            running.until(lambda: refusing.greeted >= 2)
        used = outcomes()
        # The fifth failure opened the breaker; from then on none uses an attempt.
        assert (used["retried"], used["failed"]) == (4, 0)
        inbox = CountingInbox()
        mail_server = Controller(inbox, hostname="127.0.0.1", port=port)
        mail_server.start()
        try:
            running.until(lambda: running.count(Message, Message.status == "sent") == total)
            running.until(lambda: breaker() == "closed")
        finally:
            mail_server.stop()
        assert inbox.seen == Counter({f"{job_id}@example.com": 1 for job_id in ids})
        assert outcomes()["retried"] == used["retried"]
    assert running.count(StoredDeadLetter) == 0
