"""Dates of contacts start workflows: on the day, once, by the organisation's clock."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from processors import application
from processors.crm.repository.opening import repository_of
from processors.database.models import Contact, Membership, Organisation
from processors.resources import Resources
from processors.senders.outbox import OutboxSender
from processors.workflow.dates.due import birthdays_of, find_due, is_due
from processors.workflow.definition.saving import save_workflow
from processors.workflow.nodes import DateTrigger
from runtime.jobs.new_job import NewJob
from runtime.testing import InlineWorker
from tests.processors.harness import ORG
from tests.processors.shapes import TAG, chain, node

LONDON = ZoneInfo("Europe/London")
SCAN = tuple(r for r in application.recurring if r.id == "scan-dates")


@pytest.mark.parametrize(
    ("day", "days"),
    [
        (date(2026, 11, 25), [(11, 25)]),
        (date(2026, 2, 28), [(2, 28), (2, 29)]),
        (date(2028, 2, 28), [(2, 28)]),
        (date(2028, 2, 29), [(2, 29)]),
    ],
)
def test_whose_birthday_is_kept(day, days):
    assert birthdays_of(day) == days


@pytest.mark.parametrize(("now", "due"), [("08:59", False), ("09:00", True), ("23:59", True)])
def test_the_time_of_day_is_by_the_organisations_clock(now, due):
    local = datetime.fromisoformat(f"2026-07-01T{now}").replace(tzinfo=LONDON)
    assert is_due(DateTrigger(kind="birthday", at="09:00"), local) is due


def add(database, *records: Any) -> None:
    with database.write() as session:
        session.add_all(records)


def contact(name: str, **fields: Any) -> Contact:
    return Contact(org_id=ORG, id=name, first_name=name, **fields)


def found(database, kind: str, day: date, days: int = 0) -> list[str]:
    with database.read() as session:
        trigger = DateTrigger(kind=kind, days=days)
        return [
            due.contact_id for due in find_due(repository_of(session), ORG, trigger, day, LONDON)
        ]


def test_of_whom_it_is_the_day(database, monkeypatch):
    monkeypatch.setattr("processors.workflow.dates.due.PAGE", 2)
    # The clocks of London went forward on 29 March 2026: its day began at midnight UTC.
    visits = {"late": datetime(2026, 3, 29, 22, 59, tzinfo=UTC),
              "next": datetime(2026, 3, 29, 23, 1, tzinfo=UTC),
              "early": datetime(2026, 3, 29, 0, 0, tzinfo=UTC),
              "before": datetime(2026, 3, 28, 23, 59, tzinfo=UTC)}  # fmt: skip
    add(database, *(contact(name, last_visit_at=at) for name, at in visits.items()))
    add(database, *(contact(f"b{n}", birthday=date(1990 + n, 5, 4)) for n in range(5)))
    add(database, contact("other", birthday=date(1990, 4, 5)))
    for number, (status, ends_on) in enumerate(
        [("active", date(2026, 6, 8)), ("trial", date(2026, 6, 8)), ("cancelled", date(2026, 6, 8)),
         ("active", date(2026, 6, 9))]
    ):  # fmt: skip
        add(database, Membership(org_id=ORG, id=f"m{number}", contact_id=f"b{number}",
                                 status=status, ends_on=ends_on))  # fmt: skip
    assert found(database, "birthday", date(2026, 5, 4)) == ["b0", "b1", "b2", "b3", "b4"]
    assert found(database, "membership_expiring", date(2026, 6, 1), 7) == ["b0", "b1"]
    assert found(database, "days_since_last_visit", date(2026, 4, 12), 14) == ["early", "late"]


def tags(database) -> dict[str, list[str]]:
    with database.read() as session:
        return {row.id: row.tags for row in session.query(Contact).order_by(Contact.id)}


def test_each_contact_starts_once_however_often_the_day_is_scanned(database, make_settings):
    trigger = node("t", "trigger", triggerType="birthday", config={"at": "09:30", "tags": ["vip"]})
    nodes, edges = chain(trigger, TAG)
    with database.write() as session:
        save_workflow(session, ORG, {"id": "w", "nodes": nodes, "edges": edges}, status="active")
        session.get_one(Organisation, ORG).timezone = "America/New_York"
    born = date(1990, 11, 25)
    add(database, contact("ana", birthday=born, tags=["vip"]), contact("bo", birthday=born),
        contact("cy", birthday=date(1990, 11, 26), tags=["vip"]))  # fmt: skip
    settings = make_settings(ATLAS_ENV="test")
    outbox = OutboxSender()
    resources = Resources(database, dict.fromkeys(("email", "sms", "whatsapp"), outbox), settings)
    scanning = replace(application, recurring=SCAN)
    now = datetime(2026, 11, 25, 14, 10, tzinfo=UTC)
    with InlineWorker(scanning, now=now, resources=resources, settings=settings) as worker:
        worker.advance(timedelta(minutes=10))
        assert [job.kind for job in worker.jobs if job.kind != "scan_dates"] == []
        worker.advance(timedelta(hours=6))
        assert tags(database) == {"ana": ["vip", "welcomed"], "bo": [], "cy": ["vip"]}
        started = [job for job in worker.jobs if job.kind == "execute_workflow"]
        assert len(started) == 1
        payload = {"workflow_id": "w", "node_id": "t", "day": "2026-11-25"}
        worker.client.enqueue(NewJob("start_on_date", ORG, payload))
        worker.run()
        assert len([job for job in worker.jobs if job.kind == "execute_workflow"]) == 1
        worker.advance(timedelta(days=1))
        assert tags(database)["cy"] == ["vip", "welcomed"]
