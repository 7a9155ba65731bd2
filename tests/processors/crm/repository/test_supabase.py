"""The same repository over the CRM's own tables in PostgreSQL, in both forms that they have had."""

import uuid
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import create_engine, text

from processors import checks
from processors.crm.contacts import contact_of_event
from processors.crm.repository.opening import repository_of, require_crm_tables
from processors.crm.repository.protocol import Report
from processors.database.engine import connect
from processors.database.migrate import migrate
from processors.database.models import Organisation
from runtime.errors import SettingsError

T0 = datetime(2026, 11, 25, 12, tzinfo=UTC)
ORG, LEAD, CLIENT, BOOKING = (str(uuid.UUID(int=number)) for number in (1, 2, 3, 4))
# As the running code of the CRM has them.
RUNNING = """
CREATE TABLE organizations (id uuid PRIMARY KEY, name text NOT NULL, slug text, email text,
  phone text, settings jsonb, timezone text, country_code text);
CREATE TABLE leads (id uuid PRIMARY KEY, organization_id uuid NOT NULL, name text, email text,
  phone text, source text, status text NOT NULL DEFAULT 'new', lead_score integer DEFAULT 0,
  tags text[] DEFAULT '{}', assigned_to uuid, date_of_birth date, joined_date date,
  last_visit_date date, total_visits integer, custom_fields jsonb, churn_risk_score numeric,
  created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now());
CREATE TABLE bookings (id uuid PRIMARY KEY, organization_id uuid NOT NULL, customer_id uuid,
  class_session_id uuid, booking_status text NOT NULL, created_at timestamp DEFAULT now(),
  updated_at timestamp DEFAULT now());
CREATE TABLE tasks (id uuid PRIMARY KEY, organization_id uuid NOT NULL, lead_id uuid, title text,
  status text CHECK (status IN ('pending', 'in_progress', 'completed')), due_date timestamptz,
  metadata jsonb, created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now());
"""
# As its rewrite for several organisations has them.
REWRITTEN = """
CREATE TABLE organizations (id uuid PRIMARY KEY, slug text, name text NOT NULL,
  settings jsonb DEFAULT '{}', metadata jsonb DEFAULT '{}');
CREATE TABLE leads (id uuid PRIMARY KEY, org_id uuid NOT NULL, assigned_to uuid,
  status text NOT NULL DEFAULT 'new', source text, tags text[] DEFAULT '{}', first_name text,
  last_name text, email text, phone text, score integer DEFAULT 0, metadata jsonb DEFAULT '{}',
  created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now());
CREATE TABLE clients (id uuid PRIMARY KEY, org_id uuid NOT NULL, lead_id uuid,
  first_name text NOT NULL, last_name text NOT NULL, email text NOT NULL, phone text,
  metadata jsonb DEFAULT '{}', created_at timestamptz DEFAULT now(),
  updated_at timestamptz DEFAULT now());
CREATE TABLE class_sessions (id uuid PRIMARY KEY, org_id uuid NOT NULL, start_at timestamptz
  NOT NULL, end_at timestamptz NOT NULL, capacity integer NOT NULL, metadata jsonb DEFAULT '{}',
  created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now());
CREATE TABLE bookings (id uuid PRIMARY KEY, org_id uuid NOT NULL, session_id uuid, client_id uuid
  NOT NULL, status text NOT NULL CHECK (status IN
  ('booked', 'cancelled', 'waitlisted', 'attended', 'no_show')), metadata jsonb DEFAULT '{}',
  created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now());
"""


def made(server, tables):
    url = server.new_database()
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text(tables))
        connection.execute(
            text("INSERT INTO organizations (id, name) VALUES (:id, 'Iron')"), {"id": ORG}
        )
    engine.dispose()
    return url


@pytest.fixture(scope="module", params=[RUNNING, REWRITTEN], ids=["running", "rewritten"])
def crm(request, postgres_server):
    """A database with the CRM's tables, ours beside them, and one organisation."""
    database = connect(made(postgres_server, request.param), crm_schema="supabase")
    migrate(database)
    require_crm_tables(database)
    yield database
    database.close()


def at(minutes):
    return T0 + timedelta(minutes=minutes)


def upsert(database, entity, record_id, fields, minutes=0):
    with database.write() as session:
        return repository_of(session).upsert(
            ORG, entity, record_id, fields, occurred_at=at(minutes)
        )


def test_a_contact_is_merged_into_the_crms_row_by_its_time(crm):
    lead = str(uuid.uuid4())
    first = {"first_name": "Ana", "last_name": "Ruiz Roe", "email": "ANA@example.com", "score": 7,
             "tags": ["a"], "birthday": "1990-05-01", "stage": "trial", "shoe": 44}  # fmt: skip
    assert upsert(crm, "contact", lead, first).is_new
    done = upsert(crm, "contact", lead, {"score": 9, "tags": ["a", "b"]}, 5)
    assert done.changes == {"score": (7, 9), "tags": (["a"], ["a", "b"])}
    # Older than the row: it only fills in what is empty.
    done = upsert(crm, "contact", lead, {"score": 1, "source": "web"}, 2)
    assert done.changes == {"source": (None, "web")}
    with crm.read() as session:
        record = repository_of(session).get(ORG, "contact", lead)
        found = repository_of(session).find_contact(ORG, email="Ana <ana@example.com>", phone=None)
    assert found["id"] == lead
    expected = {"type": "lead", "first_name": "Ana", "last_name": "Ruiz Roe", "score": 9,
                "source": "web", "stage": "trial", "custom_fields": {"shoe": 44},
                "updated_at": at(5)}  # fmt: skip
    assert {name: record[name] for name in expected} == expected


def test_an_event_finds_and_records_people_there(crm):
    with crm.write() as session:
        repository = repository_of(session)
        data = {"lead": {"name": "Jo Roe", "phone": "07700 900777"}}
        contact = contact_of_event(repository, ORG, data, occurred_at=T0)
        again = contact_of_event(repository, ORG, data, occurred_at=T0)
    assert contact["id"] == again["id"]
    assert (contact["first_name"], contact["phone"]) == ("Jo", "+447700900777")


def test_the_crms_words_are_ours(crm):
    with crm.read() as session:
        is_running = session.execute(text("SELECT to_regclass('public.tasks')")).scalar()
    booking = {"contact_id": CLIENT, "session_id": BOOKING, "status": "missed"}
    upsert(crm, "booking", BOOKING, booking)
    if is_running:
        upsert(crm, "task", BOOKING, {"title": "Call", "status": "done"})
        with crm.write() as session:
            words = session.execute(text("SELECT status FROM public.tasks")).scalars().all()
            session.execute(text("UPDATE public.bookings SET booking_status = 'confirmed'"))
        assert words == ["completed"]
    with crm.read() as session:
        repository = repository_of(session)
        record = repository.get(ORG, "booking", BOOKING)
        assert record["status"] == ("booked" if is_running else "no_show")
        assert (record["session_id"], record["updated_at"]) == (BOOKING, T0)
        found = repository.find(ORG, "booking", {"contact_id": [CLIENT]})
    assert [row["id"] for row in found] == [BOOKING]


def test_what_the_crm_lacks_is_kept_in_our_own_tables(crm):
    assert upsert(crm, "membership", "m1", {"contact_id": LEAD, "ends_on": "2026-12-31"}).is_new
    with crm.read() as session:
        record = repository_of(session).get(ORG, "membership", "m1")
        assert record["ends_on"] == date(2026, 12, 31)
        # What refers to an organisation needs our row of it.
        assert session.get_one(Organisation, ORG).name == "Iron"
        where = "SELECT table_schema FROM information_schema.tables WHERE table_name = :name"
        schemas = session.execute(text(where), {"name": "memberships"}).scalars().all()
    assert schemas == ["atlas"]


def test_ids_that_cannot_be_there_are_refused_or_found_nowhere(crm):
    with crm.read() as session:
        repository = repository_of(session)
        assert repository.get(ORG, "contact", "lead_1") is None
        assert repository.organisation("org_iron") is None
        with pytest.raises(ValueError, match="id is 'lead_1'; the CRM's table allows only a UUID"):
            repository.check(ORG, "contact", "lead_1", {"score": 1})


def test_many_at_once(crm):
    reports = [Report(str(uuid.uuid4()), {"first_name": f"n{n}", "last_name": "x",
                                          "email": f"n{n}@example.com"}, T0)
               for n in range(50)]  # fmt: skip
    for is_new in (True, False):
        with crm.write() as session:
            done = repository_of(session).upsert_many(ORG, "contact", reports)
        assert {d.is_new for d in done} == {is_new}
        assert is_new or not any(d.changes for d in done)


def test_the_check_names_what_is_missing(postgres_server, make_settings):
    url = postgres_server.new_database()
    settings = make_settings(DATABASE_URL=url, CRM_SCHEMA="supabase")

    def said():
        return {result.subject: result for result in checks.check(settings)}["CRM tables"]

    assert not said().ok
    assert said().message == (
        "there is no table public.leads; there is no table public.organizations"
    )
    database = connect(url, crm_schema="supabase")
    migrate(database)
    with pytest.raises(SettingsError, match=r"CRM_SCHEMA: there is no table public\.leads"):
        require_crm_tables(database)
    with database.write() as session:
        session.execute(text("CREATE TABLE public.leads (id uuid, email text)"))
    assert said().message.startswith(
        "public.leads has no column organization_id or org_id, no column created_at, no column "
        "updated_at, no column phone, no column status, no column first_name or name; "
    )
    database.close()
    settings = make_settings(DATABASE_URL=made(postgres_server, RUNNING), CRM_SCHEMA="supabase")
    assert said().ok
    assert "there is no table public.memberships" in said().message


def test_the_crms_tables_need_postgresql(make_settings):
    from processors.settings import CrmSettings

    with pytest.raises(SettingsError, match=r"CRM_SCHEMA.*needs a DATABASE_URL"):
        make_settings(DATABASE_URL="sqlite:////tmp/x.db", CRM_SCHEMA="supabase").of(CrmSettings)
