"""The repository over our own tables, on both databases: few statements, each record once."""

import threading
import uuid
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import event, select

from processors.crm.repository.opening import repository_of
from processors.crm.repository.protocol import Report
from processors.database.models import Holiday, Organisation, ScoreChange

T0 = datetime(2026, 11, 25, 12, tzinfo=UTC)


def at(minutes):
    return T0 + timedelta(minutes=minutes)


@pytest.fixture
def statements(database):
    """The SQL that was run since."""
    seen = []

    def note(_connection, _cursor, statement, *_rest):
        seen.append(statement.split()[0])

    event.listen(database.engine, "before_cursor_execute", note)
    yield seen
    event.remove(database.engine, "before_cursor_execute", note)


def upsert(database, org, entity, record_id, fields, minutes=0, **options):
    with database.write() as session:
        return repository_of(session).upsert(
            org, entity, record_id, fields, occurred_at=at(minutes), **options
        )


def test_a_contact_is_made_merged_and_read(database, org):
    done = upsert(
        database, org, "contact", "c1", {"firstName": "Ana", "phone": "07700 900123", "x": 1}
    )
    assert done.is_new
    assert done.changes == {
        "first_name": (None, "Ana"), "phone": (None, "+447700900123"), "x": (None, 1)
    }  # fmt: skip
    done = upsert(database, org, "contact", "c1", {"first_name": "Anna", "score": 7}, 5)
    assert not done.is_new
    assert done.changes == {"first_name": ("Ana", "Anna"), "score": (0, 7)}
    older = {"first_name": "Ana", "stage": "trial"}
    done = upsert(database, org, "contact", "c1", older, 2)
    assert done.changes == {"stage": (None, "trial")}
    with database.read() as session:
        record = repository_of(session).get(org, "contact", "c1")
    assert record["first_name"] == "Anna"
    assert record["type"] == "lead"
    assert record["custom_fields"] == {"x": 1}
    assert (record["created_at"], record["updated_at"]) == (at(0), at(5))


@pytest.mark.parametrize(
    ("entity", "fields", "expected"),
    [
        ("user", {"name": "Jo", "email": "JO@gym.example"}, {"email": "jo@gym.example"}),
        ("booking", {"lead_id": "c1", "start_time": "2026-11-25T18:00"},
         {"contact_id": "c1", "status": "booked", "starts_at": at(360)}),
        ("class_session", {"name": "Spin", "capacity": "20"}, {"capacity": 20}),
        ("membership", {"plan": "Gold", "ends_on": "2026-12-31"}, {"ends_on": date(2026, 12, 31)}),
        ("payment", {"amount_minor": 2999, "currency": "GBP"}, {"status": "pending"}),
        ("task", {"title": "Call"}, {"status": "open", "due_at": None}),
        ("note", {"content": "Likes mornings"}, {"text": "Likes mornings"}),
        ("opportunity", {"value_minor": 100_00}, {"status": "open", "value_minor": 100_00}),
    ],
)  # fmt: skip
def test_every_entity_is_stored(database, org, entity, fields, expected):
    upsert(database, org, entity, "r1", fields)
    with database.read() as session:
        record = repository_of(session).get(org, entity, "r1")
        assert repository_of(session).get("org_none", entity, "r1") is None
    assert {name: record[name] for name in expected} == expected


def test_statements_are_few(database, org, statements):
    def counted(work):
        with database.write() as session:
            repository = repository_of(session)
            repository.organisation(org)
            statements.clear()
            work(repository)
            return list(statements)

    def upsert_one(repository, fields, minutes):
        repository.upsert(org, "contact", "c1", fields, occurred_at=at(minutes))

    assert counted(lambda r: upsert_one(r, {"score": 1}, 1)) == ["SELECT", "INSERT"]
    assert counted(lambda r: upsert_one(r, {"score": 2}, 2)) == ["SELECT", "UPDATE"]
    assert counted(lambda r: upsert_one(r, {"score": 2}, 2)) == ["SELECT"]

    def steps(repository):
        repository.get(org, "contact", "c1", lock=True)
        for number in range(3):
            upsert_one(repository, {"score": number}, 3)

    assert counted(steps) == ["SELECT", "UPDATE", "UPDATE", "UPDATE"]
    many = [Report(f"m{number}", {"score": number}, at(0)) for number in range(100)]
    assert counted(lambda r: r.upsert_many(org, "contact", many)) == ["SELECT", "INSERT"]
    assert counted(lambda r: r.upsert_many(org, "contact", many)) == ["SELECT"]
    newer = [Report(f"m{number}", {"score": number + 1}, at(1)) for number in range(100)]
    # The driver runs an UPDATE of many rows as one call, or as one for each.
    assert set(counted(lambda r: r.upsert_many(org, "contact", newer))) == {"SELECT", "UPDATE"}


def test_many_reports_of_one_record_are_merged_in_one_call(database, org):
    reports = [
        Report("c1", {"status": "hot", "source": "web"}, at(3)),
        Report("c2", {"status": "new"}, at(1)),
        Report("c1", {"status": "cold", "first_name": "Ana"}, at(2)),
        Report("c1", {"source": None}, at(9)),
    ]
    with database.write() as session:
        done = repository_of(session).upsert_many(org, "contact", reports)
    assert [d.is_new for d in done] == [True, True, False, False]
    with database.read() as session:
        record = repository_of(session).get(org, "contact", "c1")
    assert (record["status"], record["source"], record["first_name"]) == ("hot", "web", "Ana")


def test_of_two_transactions_that_meet_both_are_merged(database, org):
    """The second one finds that the row was made meanwhile."""
    barrier = threading.Barrier(4)
    problems = []

    def work(number):
        barrier.wait(20)
        try:
            upsert(database, org, "contact", "c1", {f"f{number}": number}, number)
        except Exception as error:
            problems.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems
    with database.read() as session:
        record = repository_of(session).get(org, "contact", "c1")
    assert record["custom_fields"] == {f"f{number}": number for number in range(4)}


def test_what_is_refused_names_what_is_wrong(database, org):
    with pytest.raises(ValueError, match="there is no organisation 'org_none'"):
        upsert(database, "org_none", "contact", "c1", {})
    with pytest.raises(ValueError, match="visits is 'x'; allowed: a whole number"):
        upsert(database, org, "contact", "c1", {"visits": "x"})
    with database.read() as session:
        repository = repository_of(session)
        with pytest.raises(ValueError, match="booking has no field 'colour'; allowed: contact_id"):
            repository.find(org, "booking", {"colour": "red"})


def test_records_are_found_by_their_fields_the_oldest_first(database, org):
    for number, status in enumerate(("booked", "cancelled", "no_show", "booked")):
        upsert(
            database, org, "booking", f"b{number}", {"contact_id": "c1", "status": status}, -number
        )
    with database.read() as session:
        repository = repository_of(session)

        def found(where, **options):
            return [r["id"] for r in repository.find(org, "booking", where, **options)]

        assert found({"contact_id": "c1"}) == ["b3", "b2", "b1", "b0"]
        assert found({"contact_id": "c1", "status": "booked"}) == ["b3", "b0"]
        assert found({"status": ["no_show", "cancelled"]}, limit=1) == ["b2"]
        assert found({"contact_id": None}) == []


def test_the_organisation_says_its_country_and_its_holidays(database, org):
    with database.write() as session:
        session.add(Holiday(org_id=org, day=date(2026, 12, 25), name="Christmas"))
        session.add(Organisation(id=f"{org}_fr", name="Salle", country="FR"))
    with database.read() as session:
        repository = repository_of(session)
        assert repository.organisation(org)["country"] == "GB"
        assert repository.organisation(f"{org}_fr")["country"] == "FR"
        assert repository.organisation("org_none") is None
        assert repository.holidays(org) == {date(2026, 12, 25)}
        assert repository.holidays(f"{org}_fr") == frozenset()


def test_activities_are_counted_and_written_once(database, org):
    rows = [
        {"id": uuid.uuid5(uuid.NAMESPACE_URL, f"{org}{n}"), "org_id": org, "contact_id": "c1",
         "type": "email_opened", "occurred_at": at(n)}
        for n in range(3)
    ]  # fmt: skip
    for expected in (3, 0):
        with database.write() as session:
            assert repository_of(session).add_activities(rows) == expected
    with database.read() as session:
        count = repository_of(session).count_activities
        assert count(org, "c1", ["email_opened", "x"], since=None) == 3
        assert count(org, "c1", ["email_opened"], since=at(1)) == 2
        assert count(org, "c1", ["x"], since=None) == 0
        assert count("org_none", "c1", ["email_opened"], since=None) == 0


def test_a_score_change_is_kept_once(database, org):
    key = uuid.uuid4()
    for _ in range(2):
        with database.write() as session:
            repository_of(session).add_score_change(
                org, "c1", before=1, after=2, reason="visited", at=T0, key=key
            )
    with database.read() as session:
        [row] = session.scalars(select(ScoreChange).where(ScoreChange.org_id == org))
    assert (row.previous_score, row.new_score, row.reason) == (1, 2, "visited")
