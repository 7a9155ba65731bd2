"""Runs a workflow's story in simulated time: what happens when, and what a gym's contact gets."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from processors import application
from processors.database.engine import Database
from processors.database.models import (
    Contact,
    Message,
    Organisation,
    Task,
    WorkflowExecution,
)
from processors.workflow.definition.saving import save_workflow
from runtime.client import NewJob
from runtime.config.settings import Settings
from runtime.testing import InlineWorker

ORG = "org_iron"
# A Monday in winter: London is on UTC, and it is ten in the morning.
START = datetime(2026, 3, 2, 10, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens `after` the start."""

    after: timedelta
    name: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that must have left: when, by which channel, and words of it."""

    after: timedelta
    channel: str
    words: str


@dataclass(frozen=True, slots=True)
class Story:
    """One run of one contact through one workflow.

    `ends`: how often executions ended in which status; `lasts` is simulated.
    """

    workflow: str
    events: Sequence[Event]
    sent: Sequence[Sent] = ()
    tags: frozenset[str] = frozenset()
    tasks: Sequence[str] = ()
    ends: Mapping[str, int] = field(default_factory=lambda: {"completed": 1})
    lasts: timedelta = timedelta(days=120)
    contact: Mapping[str, Any] = field(default_factory=dict)
    start: datetime = START
    others: Sequence[str] = ()


@contextmanager
def telling(
    story: Story, definitions: Mapping[str, Any], settings: Settings
) -> Iterator[InlineWorker]:
    """Tell the story to its end; the worker that ran it."""
    # Its audits and health checks are other stories: thousands of them in a month.
    quiet = replace(application, recurring=())
    with InlineWorker(quiet, now=story.start, settings=settings) as worker:
        _furnish(worker, story, definitions)
        now = timedelta()
        for number, event in enumerate(sorted(story.events, key=lambda event: event.after)):
            worker.advance(event.after - now)
            now = event.after
            data = {"contact": {"id": "c1"}, **event.data}
            payload = {"trigger_type": event.name, "trigger_data": data}
            worker.client.enqueue_many(
                [NewJob("process_trigger", ORG, payload, job_id=f"event-{number}")]
            )
            worker.run()
        worker.advance(story.lasts - now)
        yield worker


def database_of(worker: InlineWorker) -> Database:
    """The database of the application that the worker opened."""
    database: Database = worker._resources.database
    return database


def _furnish(worker: InlineWorker, story: Story, definitions: Mapping[str, Any]) -> None:
    database = database_of(worker)
    contact = {
        "first_name": "Ana",
        "last_name": "Ruiz",
        "email": "ana@example.com",
        "phone": "+447700900123",
        "score": 60,
        "created_at": story.start,
        "updated_at": story.start,
    }
    with database.write() as session:
        session.add(
            Organisation(id=ORG, name="Iron Works", phone="+442071838750", created_at=story.start)
        )
        session.flush()
        session.add(Contact(org_id=ORG, id="c1", **(contact | dict(story.contact))))
        session.flush()
        # Those that it starts come first: it may not name what is not there.
        for name in (*story.others, story.workflow):
            save_workflow(session, ORG, definitions[name], status="active")


def messages(worker: InlineWorker, start: datetime) -> list[Sent]:
    """What left, in order; `words` is subject and body."""
    with database_of(worker).read() as session:
        rows = session.scalars(select(Message).where(Message.status == "sent"))
        found = [
            Sent(row.sent_at - start, row.channel, f"{row.subject or ''}\n{row.body}")
            for row in rows
            if row.sent_at is not None
        ]
    return sorted(found, key=lambda sent: (sent.after, sent.channel))


def outcome(worker: InlineWorker) -> tuple[dict[str, int], set[str], list[str]]:
    """Executions by status, the contact's tags, and the titles of tasks."""
    with database_of(worker).read() as session:
        statuses: dict[str, int] = {}
        for status in session.scalars(select(WorkflowExecution.status)):
            statuses[status] = statuses.get(status, 0) + 1
        tags = set(session.get_one(Contact, (ORG, "c1")).tags)
        titles = sorted(session.scalars(select(Task.title)))
    return statuses, tags, titles


def definitions_in(folder: Path) -> dict[str, Any]:
    """Definitions by their id."""
    read = (json.loads(path.read_text()) for path in sorted(folder.glob("*.json")))
    return {definition["id"]: definition for definition in read}
