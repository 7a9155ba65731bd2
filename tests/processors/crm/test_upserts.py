"""Reports of the CRM: stored once, refused one by one, and each change's events fired once."""

import re
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from processors.crm.following import Event, events_of
from processors.crm.repository.opening import repository_of
from processors.crm.repository.protocol import Upserted
from processors.database.models import Holiday, Organisation
from runtime.client import NewJob
from runtime.outcomes import DeadLetter

T0 = datetime(2026, 11, 25, 12, tzinfo=UTC)
WHO = {"contact_id": "c1", "lead_id": "c1"}


@pytest.fixture
def database(shared_database):
    return shared_database


@pytest.fixture
def report(engine, org):
    def run(*records, job_id=None):
        listed = [
            {"entity": entity, "id": record_id, "fields": fields, "occurred_at": T0 + shift}
            for entity, record_id, fields, shift in (
                (*record, timedelta()) if len(record) == 3 else record for record in records
            )
        ]
        job = NewJob("upsert_records", org, {"records": listed}, job_id=job_id or uuid.uuid4().hex)
        engine.client.queue.clear()
        return engine.run(job)

    return run


def events(engine):
    return [
        (job.payload["trigger_type"], job.payload["trigger_data"])
        for job in engine.client.queue
        if job.kind == "process_trigger"
    ]


def contact(**fields):
    return {"id": "c1", "type": "lead", "tags": [], **fields}


@pytest.mark.parametrize(
    ("record", "is_new", "changes", "expected"),
    [
        (contact(tags=["a"]), True, {"tags": (None, ["a"])}, [("lead_created", WHO)]),
        (contact(type="member"), True, {}, [("new_client", WHO)]),
        (contact(), False, {}, []),
        (contact(), False, {"score": (1, 2), "seen": (None, T0)},
         [("lead_updated", WHO | {"changes": {
             "score": {"old": 1, "new": 2}, "seen": {"old": None, "new": T0.isoformat()}}})]),
        (contact(stage="b"), False, {"stage": ("a", "b")},
         [("lead_updated", WHO | {"changes": {"stage": {"old": "a", "new": "b"}}}),
          ("lead_stage_changed", WHO | {"stage": "b", "previous_stage": "a"})]),
        (contact(), False, {"tags": (["a", "x"], ["A", "b", "c"])},
         [("lead_updated",
           WHO | {"changes": {"tags": {"old": ["a", "x"], "new": ["A", "b", "c"]}}}),
          ("contact_tagged", WHO | {"tag": "b"}), ("contact_tagged", WHO | {"tag": "c"})]),
        (contact(type="member"), False, {"type": ("lead", "member")},
         [("lead_updated", WHO | {"changes": {"type": {"old": "lead", "new": "member"}}}),
          ("new_client", WHO)]),
    ],
)  # fmt: skip
def test_what_follows_from_a_change(record, is_new, changes, expected):
    assert events_of(Upserted(record, is_new, changes)) == [Event(*event) for event in expected]


def test_a_report_is_stored_and_its_events_are_fired_once(engine, report):
    first = report(("contact", "c1", {"first_name": "Ana", "tags": ["a"]}))
    assert first.value == {"new": 1, "changed": 0, "same": 0, "events": ["lead_created"]}
    assert events(engine) == [("lead_created", WHO)]
    newer = ("contact", "c1", {"tags": ["a", "b"], "stage": "trial"}, timedelta(minutes=5))
    changed = report(newer, job_id=f"job-{id(engine)}")
    names = ["lead_updated", "lead_stage_changed", "contact_tagged"]
    assert changed.value["events"] == names
    assert [name for name, _ in events(engine)] == names
    ids = [job.job_id for job in engine.client.queue]
    # Killed after the commit and before the enqueue: it runs again, and knows what it changed.
    engine.client.known.clear()
    again = report(newer, job_id=f"job-{id(engine)}")
    assert again.value == {"new": 0, "changed": 0, "same": 1, "events": names}
    assert [job.job_id for job in engine.client.queue] == ids
    # The same report by another job, and an older one, change nothing.
    for late in (newer, ("contact", "c1", {"stage": "old"}, timedelta(minutes=1))):
        assert report(late).value == {"new": 0, "changed": 0, "same": 1, "events": []}
        assert not events(engine)


def test_records_of_all_kinds_come_in_one_report(database, report, org):
    done = report(
        ("organisation", org, {"name": "Iron", "timezone": "Europe/Paris", "locale": "fr",
                               "business_hours": {"monday": [["09:00", "17:00"]]}}),
        ("holiday", "2026-12-25", {"name": "Noël"}),
        ("class_session", 7, {"name": "Spin"}),
        ("booking", "b1", {"contact_id": "c1", "session_id": 7, "start_time": "2026-12-01 18:00"}),
    )  # fmt: skip
    assert done.value == {"new": 3, "changed": 1, "same": 0, "events": []}
    with database.read() as session:
        organisation = session.get_one(Organisation, org)
        assert (organisation.name, organisation.settings) == ("Iron", {"locale": "fr"})
        booking = repository_of(session).get(org, "booking", "b1")
        assert booking["starts_at"] == datetime(2026, 12, 1, 17, tzinfo=UTC)  # Paris' 18:00
        assert repository_of(session).get(org, "class_session", "7")["name"] == "Spin"
    report(("organisation", org, {"name": "Old", "email": "a@b.example"}, -timedelta(days=1)))
    report(("holiday", "2026-12-25", {"closed": False}))
    with database.read() as session:
        organisation = session.get_one(Organisation, org)
        assert (organisation.name, organisation.email) == ("Iron", "a@b.example")
        assert not session.scalars(select(Holiday).where(Holiday.org_id == org)).all()


def test_what_cannot_be_stored_is_named_and_the_rest_is_stored(engine, database, report, org):
    ran = report(
        ("contact", "c1", {"score": "many"}),
        ("contact", "c2", {"score": 5}),
        ("booking", "b1", {"status": "perhaps"}),
        ("organisation", "org_none", {"name": "X"}),
        ("organisation", org, {"business_hours": {"monday": [["9", "5"]]}}),
        ("holiday", "christmas", {}),
    )
    assert isinstance(ran.raised, DeadLetter)
    text = str(ran.raised)
    assert text.startswith(
        "5 of 6 records cannot be stored: contact 'c1': a score of 'many'; allowed"
    )
    assert text.endswith("; and 2 more")
    assert events(engine) == [("lead_created", {"contact_id": "c2", "lead_id": "c2"})]
    with database.read() as session:
        assert repository_of(session).get(org, "contact", "c2")["score"] == 5


def test_a_time_in_the_future_counts_as_now(database, report, org):
    report(("contact", "c1", {"status": "far"}, timedelta(days=4_000)))
    with database.read() as session:
        record = repository_of(session).get(org, "contact", "c1")
    assert record["updated_at"] <= datetime.now(UTC)


def test_changes_by_job_fire_their_events(engine, report, org):
    report(("contact", "c1", {"score": 1}))
    engine.client.queue.clear()
    update = {"lead_id": "c1", "updates": {"score": 2}}
    engine.run(NewJob("update_lead", org, update, job_id="u1"), times=2)
    engine.run(NewJob("add_tag", org, {"lead_id": "c1", "tag": "vip"}, job_id="t1"), times=2)
    assert [name for name, _ in events(engine)] == [
        "lead_updated", "lead_updated", "contact_tagged"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("hours", "problem"),
    [
        ("9-5", "business_hours is no object"),
        ({"someday": []}, "business_hours of 'someday' cannot be read"),
        ({"monday": [["17:00", "09:00"]]}, "business_hours of monday cannot be read"),
        ({"monday": [["09:00"]]}, "business_hours of monday cannot be read"),
    ],
)
def test_business_hours_are_spans_by_weekday(hours, problem):
    from processors.crm.organisation_reports import clean_organisation

    with pytest.raises(ValueError, match=re.escape(problem)):
        clean_organisation({"business_hours": hours})
