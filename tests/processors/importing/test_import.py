"""``atlas import crm``: what it stores, what it refuses, and a dry run that writes nothing."""

import itertools
from pathlib import Path

import pytest
from sqlalchemy import func, select

from processors.crm.repository.opening import repository_of
from processors.database.models import Consent, Contact, Organisation, Workflow

DEFINITIONS = Path("tests/processors/workflow/definitions")
ORG = "org_iron"
GYM = [{"id": ORG, "name": "Iron", "timezone": "Europe/London", "country": "GB"}]
LEADS = [
    {"id": "l1", "organization_id": ORG, "name": "Ana Ruiz", "phone": "07700 900123",
     "lead_score": 7, "updated_at": "2026-01-02T10:00:00Z"},
    {"id": 2, "organization_id": ORG, "email": "Jo <JO@example.com>", "tags": ["a"]},
]  # fmt: skip
CONSENTS = [
    {"channel": "sms", "phone": "07700 900123", "status": "granted", "source": "form:trial",
     "wording": "Yes", "occurred_at": "2026-01-02T10:00:00Z"},
]  # fmt: skip
WORKFLOW = {
    "id": "wf_1", "name": "Welcome", "trigger_type": "lead_created",
    "nodes": [
        {"id": "t", "type": "trigger", "data": {"config": {}}},
        {"id": "a", "type": "action",
         "data": {"actionType": "add_tag", "config": {"tag": "new"}}},
    ],
    "edges": [{"id": "e", "source": "t", "target": "a"}],
}  # fmt: skip
ROW = WORKFLOW | {"organization_id": ORG, "total_executions": 5}
TEMPLATES = [
    {"name": "Hello", "type": "sms", "content": "Hi {{first_name}}", "variables": ["first_name"]},
    {"name": "Offer", "type": "email", "subject": "An offer", "content": "<p>Hi</p>"},
]
FILES = {
    "message_templates.json": TEMPLATES,
    "leads.json": LEADS,
    "consents.json": CONSENTS,
    "organizations.json": GYM,
    "workflows.json": [ROW],
}


def contacts(database):
    with database.read() as session:
        query = select(Contact).order_by(Contact.id)
        return list(session.scalars(query))


def test_everything_is_imported_once(database, run):
    options = ("--org", ORG)
    dry = run(FILES, *options, "--dry-run")
    expected = {"organisation": {"new": 1}, "contact": {"new": 2}, "consent": {"new": 1},
                "workflow": {"new": 1}, "template": {"new": 2}}  # fmt: skip
    assert (dry.code, dry.rows) == (0, expected)
    assert not contacts(database)
    assert run(FILES, *options).rows == expected
    same = {kind: {"same": count["new"]} for kind, count in expected.items()}
    assert run(FILES, *options).rows == same
    assert run(FILES, *options, "--dry-run").rows == same
    jo, ana = contacts(database)
    assert (jo.id, jo.email, jo.tags) == ("2", "jo@example.com", ["a"])
    assert (ana.first_name, ana.phone, ana.score) == ("Ana", "+447700900123", 7)
    with database.read() as session:
        [consent] = session.scalars(select(Consent))
        assert (consent.address, consent.wording) == ("+447700900123", "Yes")
        assert session.scalars(select(Workflow.name)).all() == ["Welcome"]


def test_a_dry_run_says_what_would_change(database, run):
    run(FILES, "--org", ORG)
    newer = [LEADS[0] | {"lead_score": 9, "updated_at": "2026-02-02T10:00:00Z"},
             LEADS[0] | {"lead_score": 1, "updated_at": "2025-01-01T10:00:00Z"},
             {"id": "l3"}]  # fmt: skip
    changed = WORKFLOW | {"name": "Welcome back"}
    again = run({"leads.json": newer, "workflows.json": [changed]}, "--org", ORG, "--dry-run")
    assert again.rows == {
        "contact": {"changed": 1, "same": 1, "new": 1}, "workflow": {"changed": 1}
    }  # fmt: skip
    assert contacts(database)[1].score == 7
    assert len(contacts(database)) == 2


def test_a_dry_run_counts_what_a_later_batch_repeats(database, run, monkeypatch):
    monkeypatch.setattr("processors.importing.batches.BATCH", 2)
    rows = [{"id": number, "organization_id": ORG} for number in (1, 2, 3, 1, 3)]
    files = {"organizations.json": GYM, "leads.json": rows}
    dry = run(files, "--dry-run")
    assert dry.rows == {"organisation": {"new": 1}, "contact": {"new": 3, "repeated": 2}}
    assert not contacts(database)
    assert run(files).rows == {"organisation": {"new": 1}, "contact": {"new": 3, "same": 2}}


UGLY = """id,organization_id,first_name,score,email,Strange Column,visits
1,org_iron,"Ana ""the fist"" Ruiz",5,ana@example.com,x,
1,org_iron,Ana,6,,,
,org_iron,Nobody,1,,,
3,org_iron,,many,,,
4,org_none,Zed,1,,,
5,,Zed,1,,,
6,org_iron,Zed,,,,{huge}
7,org_iron,{long},,,,
8,org_iron,Zed,1,,,,9
9,org_iron,Zoë,100,,,3
"""


def test_refused_rows_are_named_and_never_stop_the_rest(database, run):
    run({"organizations.json": GYM})
    text = "\ufeff" + UGLY.format(huge="9" * 5_000, long="x" * 5_000)
    done = run({"leads.csv": text})
    assert done.code == 1
    assert done.rows == {"contact": {"new": 2, "changed": 1, "refused": 7}}
    by_line = {row["line"]: row["reason"] for row in done.refused}
    assert by_line[4] == "has no id"
    assert by_line[5].startswith("a score of 'many'; allowed:")
    assert by_line[6] == "there is no organisation 'org_none'"
    assert by_line[7] == "names no organisation; say which with --org"
    assert by_line[8].startswith("visits is '999")
    assert by_line[9] == "first_name has 5,000 characters; allowed: at most 200"
    assert by_line[10] == "has 8 cells; the header has 7"
    assert [c.id for c in contacts(database)] == ["1", "9"]
    assert contacts(database)[0].custom_fields == {"strange column": "x"}


@pytest.mark.parametrize(
    ("file", "row", "problem"),
    [
        ("consents.json", {"channel": "fax", "address": "1"}, "status is ''; allowed: granted"),
        ("consents.json", {"status": "granted", "channel": "sms", "phone": "1", "source": "x"},
         "has no occurred_at: consent without its time is no evidence"),
        ("consents.json", {"status": "granted", "channel": "sms", "phone": "1",
                           "occurred_at": "2026-01-01"}, "has no source"),
        ("workflows.json", {"name": "x", "nodes": []}, "has no id"),
        ("workflows.json", {"id": "w", "name": "x", "nodes": []}, ""),
        ("leads.json", {"id": {"a": 1}}, "id: Input should be a valid string"),
        ("leads.json", {"id": "x", "created_at": "yesterday"}, "created_at is no time such as"),
        ("leads.json", {"id": "x", "first_name": "a\x00"}, "fields: must not contain NUL"),
        ("leads.json", ["x"], "is no object"),
        ("bookings.json", {"id": "b", "status": "perhaps"}, "status is 'perhaps'; allowed: booked"),
        ("payments.json", {"id": "p", "amount": "9.99"}, "amount cannot be read; say amount_minor"),
        ("templates.json", {"name": "a", "type": "push", "content": "x"}, ""),
        ("templates.json", {"name": "a", "type": "sms"}, "has no name or no content"),
        ("stuff.json", {"id": "x"}, "cannot tell of which table it is; say --table"),
        ("holidays.json", {"day": "xmas"}, "a holiday is 'xmas'; allowed: a date"),
    ],
)  # fmt: skip
def test_each_kind_says_why_it_refuses(sqlite_run, file, row, problem):
    done = sqlite_run({file: [row]}, "--org", ORG)
    assert done.code == 1
    [refused] = done.refused
    assert refused["reason"].startswith(problem)
    assert refused["line"] == 1


@pytest.fixture(scope="module")
def sqlite_run(tmp_path_factory, request):
    """The command over one SQLite database for all refusals."""
    from tests.processors.importing.conftest import runner

    with pytest.MonkeyPatch.context() as patch:
        run, database = runner(tmp_path_factory.mktemp("import"), patch)
        run({"organizations.json": GYM})
        yield run
        database.close()


def test_files_that_are_not_there_are_one_line(run):
    done = run({}, "/nowhere/leads.csv")
    assert done.code == 1
    assert done.output.strip() == "Error: cannot read /nowhere/leads.csv: No such file or directory"
    done = run({}, "x.csv", "--table", "robots")
    assert done.code == 2
    assert "no table of the CRM; allowed: booking" in " ".join(done.output.split())


def test_the_eleven_definitions_are_imported_or_refused(run):
    run({"organizations.json": GYM})
    texts = {path.name: path.read_text() for path in sorted(DEFINITIONS.glob("*.json"))}
    done = run(texts, "--org", ORG)
    taken = done.rows["workflow"]
    assert taken["new"] >= 3
    assert taken["new"] + taken["refused"] == len(texts) == 11
    assert all(row["reason"] for row in done.refused)


@pytest.mark.slow
def test_a_hundred_thousand_rows(database, run):
    run({"organizations.json": GYM})
    head = "id,organization_id,first_name,email\n"
    rows = (f"{n},{ORG},N{n},n{n}@example.com\n" for n in range(100_000))
    done = run({"leads.csv": head + "".join(itertools.chain(rows))})
    assert done.rows == {"contact": {"new": 100_000}}
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Contact)) == 100_000


def test_clients_are_members_and_a_row_beats_the_file_only_by_its_time(database, run):
    run({"organizations.json": GYM})
    run({"clients.json": [{"id": "c1", "org_id": ORG, "first_name": "Ana"}]})
    [contact] = contacts(database)
    assert contact.type == "member"
    with database.read() as session:
        assert repository_of(session).get(ORG, "contact", "c1")["type"] == "member"
        assert session.get_one(Organisation, ORG).name == "Iron"
