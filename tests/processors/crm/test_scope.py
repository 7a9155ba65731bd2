"""What variables see: the event's own values first, until something newer is stored."""

from datetime import UTC, date, datetime, timedelta

import pytest

from processors.crm.contacts import contact_of_event
from processors.crm.merging import created, merge
from processors.crm.repository.opening import repository_of
from processors.crm.scope import build_scope, related_records
from processors.texts.interpolation import lookup

T0 = datetime(2026, 11, 25, 12, tzinfo=UTC)
GYM = {"id": "o", "name": "Iron", "email": None, "phone": None, "timezone": "Europe/London",
       "country": "GB", "settings": {}}  # fmt: skip


def at(minutes):
    return T0 + timedelta(minutes=minutes)


def stored(**fields):
    return created("c1", "o", fields, {"tags": []}, occurred_at=at(0))


def scope(contact, data, **more):
    return build_scope(
        organisation=GYM, contact=contact, trigger_type="lead_created", trigger_data=data,
        variables={}, outputs={}, workflow={"id": "w", "name": "W"}, now=at(9), began_at=at(5),
        **more,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("data", "path", "expected"),
    [
        ({"lead": {"status": "hot"}}, "contact.status", "hot"),
        ({"lead": {"firstName": "Anna"}}, "lead.first_name", "Anna"),
        ({"lead": {"firstName": None}}, "lead.first_name", "Ana"),
        ({"first_name": "Anna"}, "contact.name", "Anna"),
        ({"name": "Spin", "score": 3}, "contact.score", 60),
        ({"name": "Spin"}, "name", "Ana"),
        ({"source": "ad"}, "contact.source", "ad"),
        ({}, "contact.birthday", "1990-05-01"),
        ({}, "contact.last_visit_at", "2026-11-25T12:00:00+00:00"),
        ({}, "contact.goal", "run"),
        ({"lead": {"goal": "swim"}}, "contact.goal", "swim"),
    ],
)
def test_the_events_own_values_win(data, path, expected):
    contact = stored(first_name="Ana", status="new", score=60, birthday=date(1990, 5, 1),
                     last_visit_at=T0, custom_fields={"goal": "run"})  # fmt: skip
    assert lookup(scope(contact, data), path) == expected


def test_what_is_stored_while_it_runs_is_newer():
    contact = merge(stored(status="new"), {"status": "won"}, occurred_at=at(5)).record
    data = {"lead": {"status": "hot", "source": "ad"}}
    found = scope(contact, data)
    assert (found["contact"]["status"], found["status"]) == ("won", "won")
    assert found["contact"]["source"] == "ad"
    # Tables without times of fields have the row's.
    assert scope(contact | {"field_times": {}}, data)["contact"]["status"] == "won"


def test_the_records_of_an_event_are_seen(shared_database, org):
    with shared_database.write() as session:
        repository = repository_of(session)
        for entity, record_id, fields in (
            ("class_session", "s1", {"name": "Spin"}),
            ("booking", "b1", {"session_id": "s1", "status": "booked"}),
            ("membership", "m1", {"ends_on": "2026-12-31"}),
            ("payment", "p1", {"membership_id": "m1", "amount_minor": 2999}),
        ):
            repository.upsert(org, entity, record_id, fields, occurred_at=T0)
        data = {"bookingId": "b1", "payment": {"id": "p1", "amount_minor": 1}, "task_id": "none"}
        related = related_records(repository, org, data)
    assert set(related) == {"booking", "session", "payment", "membership"}
    found = scope(None, data, related=related)
    for path, expected in (
        ("booking.status", "booked"),
        ("class.name", "Spin"),
        ("membership.ends_on", "2026-12-31"),
        ("payment.amount_minor", 1),
    ):
        assert lookup(found, path) == expected


def test_an_event_of_somebody_unknown_by_id_alone_records_nobody(shared_database, org):
    with shared_database.write() as session:
        repository = repository_of(session)
        for data in ({}, {"lead_id": "x"}, {"name": "Spin"}, {"lead": {}}):
            assert contact_of_event(repository, org, data, occurred_at=T0) is None
        recorded = contact_of_event(
            repository, org, {"client": {"id": 7, "name": "Jo Roe"}}, occurred_at=T0
        )
    assert (recorded["id"], recorded["last_name"]) == ("7", "Roe")
