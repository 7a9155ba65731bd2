"""``atlas consent`` and ``atlas suppressions`` on a real database and Redis."""

import json
import shutil
from datetime import UTC, datetime
from typing import Any

import pytest
import redis
from click.testing import CliRunner
from sqlalchemy import select

from processors.compliance.command_parts import CHANNELS, REASONS
from processors.compliance.consent_commands import consent
from processors.compliance.handlers import leave_list
from processors.compliance.recording import Statement, record_consent
from processors.compliance.suppression_commands import suppressions
from processors.content.unsubscribing import Leaving, way_out
from processors.database import models
from processors.database.command import open_database
from processors.database.models import Consent, Organisation, Suppression
from processors.errors import ContentError
from processors.settings import UnsubscribeSettings
from tests.processors.harness import ORG

ANA = "Ana@Example.com"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def atlas(monkeypatch, tmp_path, redis_url, sqlite_original):
    shutil.copyfile(sqlite_original, tmp_path / "atlas.db")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("REDIS_URL", redis_url)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/atlas.db")
    monkeypatch.chdir(tmp_path)
    with open_database() as database, database.write() as session:
        session.add(Organisation(id=ORG, name="Iron Works"))

    def run(group: Any, *arguments: str, code: int = 0, given: str | None = None) -> Any:
        result = CliRunner().invoke(group, list(arguments), input=given)
        assert result.exit_code == code, (result.output, result.exception)
        assert "Traceback" not in result.output
        return json.loads(result.stdout) if "--json" in arguments else result.output

    return run


def audit(redis_url: str) -> list[tuple[str, str, str]]:
    """What the audit stream holds: action, target, count."""
    connection = redis.Redis.from_url(redis_url, decode_responses=True)
    [stream] = [key for key in connection.scan_iter() if key.endswith(":atlas:audit")]
    entries = connection.xrange(stream)
    connection.close()
    return [(entry["action"], entry["target"], entry["count"]) for _, entry in entries]


def test_consent_and_suppressions(atlas, tmp_path, redis_url) -> None:
    who = ("--org", ORG, "--channel", "email")
    assert atlas(consent, "show", ANA, "--org", ORG) == "nothing is recorded of this address\n"
    assert "consent by email granted" in atlas(
        consent, "grant", ANA, *who, "--source", "form:trial", "--wording", "Send me news",
        "--at", "2026-11-01",
    )  # fmt: skip
    again = atlas(consent, "grant", "ana@example.com", *who, "--source", "form:trial",
                  "--at", "2026-11-01", "--json")  # fmt: skip
    assert again == {"status": "granted", "recorded": False}
    assert "1 suppressed, 0 were already" in atlas(
        suppressions, "add", ANA, *who, "--why", "complaint"
    )
    shown = atlas(consent, "show", ANA, "--org", ORG)
    assert "suppressed by email: complaint since" in shown
    assert "form:trial" in shown
    assert "Send me news" in shown

    # A file: wrong lines are named, the others done, and again does nothing.
    file = tmp_path / "left.csv"
    file.write_text(
        "address,reason,occurred_at\n"
        "bo@example.com,hard_bounce,2026-11-02T10:00:00Z\n"
        "no address,unsubscribe,\n"
        '"Cy@example.com",,\n'
        "di@example.com,bored,\n"
        "ed@example.com,stop,yesterday\n"
    )
    output = atlas(suppressions, "add", "--file", str(file), *who, code=1)
    assert "2 suppressed, 0 were already" in output
    for line in ("line 3: must be an e-mail address", "line 5: 'bored' is no reason; allowed: stop",
                 "line 6: occurred_at 'yesterday' is no time"):  # fmt: skip
        assert line in output
    done = atlas(suppressions, "add", "--file", str(file), *who, "--json", code=1)
    assert (done["added"], done["known"], len(done["problems"])) == (0, 2, 3)
    listed = atlas(suppressions, "list", "--org", ORG, "--json")
    assert {(row["address"], row["reason"]) for row in listed} == {
        ("ana@example.com", "complaint"),
        ("bo@example.com", "hard_bounce"),
        ("cy@example.com", "operator"),
    }
    assert len(atlas(suppressions, "list", "--why", "hard_bounce", "--json")) == 1
    plain = atlas(suppressions, "add", "--file", "-", "--org", ORG, "--channel", "sms",
                  given="07911 123456\n\n07911 123457\n")  # fmt: skip
    assert "2 suppressed" in plain
    assert "1 removed, 1 were not suppressed" in atlas(
        suppressions, "remove", "BO@example.com", "nobody@example.com", *who
    )
    assert "0 removed" in atlas(suppressions, "remove", "bo@example.com", *who, code=1)
    actions = audit(redis_url)
    assert ("suppress", f"{ORG} email", "2") in actions
    assert ("consent granted", f"{ORG} email", "1") in actions
    assert ("unsuppress", f"{ORG} email", "1") in actions
    assert len(actions) == 5, "what changed nothing is no action"


def test_wrong_use_is_one_line(atlas, tmp_path) -> None:
    who = ("--org", ORG, "--channel", "email")
    for group, arguments, code, says in (
        (suppressions, ("add", *who), 2, "give addresses or --file FILE"),
        (suppressions, ("add", "a@b.com", "--org", "nobody", "--channel", "email"), 1,
         "there is no organisation 'nobody'"),
        (suppressions, ("add", "a@b.com", "--org", ORG, "--channel", "fax"), 2, "'fax' is not one"),
        (suppressions, ("list", "--why", "bored"), 2, "'bored' is not one of"),
        (consent, ("show", "a@b.com", "--org", "nobody"), 1, "no organisation 'nobody'"),
        (consent, ("grant", "a@b.com", "--org", "nobody", "--channel", "sms"), 1, "'nobody'"),
        (consent, ("grant", "a@b.com", *who, "--at", "later"), 2, "'later' does not match"),
    ):  # fmt: skip
        assert says in atlas(group, *arguments, code=code)
    file = tmp_path / "x.csv"
    file.write_text("address,colour\na@b.com,red\n")
    output = atlas(suppressions, "add", "--file", str(file), *who, code=1)
    assert "unknown columns colour; allowed: address, channel, reason" in output


def test_without_the_audit_nothing_is_changed(atlas, monkeypatch) -> None:
    who = ("--org", ORG, "--channel", "email")
    with monkeypatch.context() as away:
        away.setenv("REDIS_URL", "redis://127.0.0.1:1")
        result = CliRunner().invoke(consent, ["grant", ANA, *who])
        assert result.exit_code != 0
    assert "nothing is recorded" in atlas(consent, "show", ANA, "--org", ORG)


def test_the_commands_know_what_the_tables_know() -> None:
    assert CHANNELS == models.CHANNELS
    assert REASONS == models.SUPPRESSION_REASONS


def test_a_consent_by_a_job(engine) -> None:
    payload = {
        "channel": "sms", "address": "07911 123456", "status": "granted", "source": "form:trial",
        "wording": "Text me", "occurred_at": "2026-11-23T12:00:00Z",
    }  # fmt: skip
    for _ in range(2):
        engine.start("record_consent", payload, job_id=None)
        engine.drain()
    with engine.resources.database.read() as session:
        [row] = session.scalars(select(Consent))
    assert (row.address, row.status, row.wording) == ("+447911123456", "granted", "Text me")


def test_a_link_ends_marketing_and_harms_nothing_when_used_again(database) -> None:
    settings = UnsubscribeSettings(secret="a secret of some length", url="https://gym.example/x")
    link = way_out(settings, Leaving(ORG, "email", ANA)).url
    assert link is not None
    token = link.partition("token=")[2]
    with database.write() as session:
        said = Statement("email", ANA, "form", NOW.replace(day=1))
        record_consent(session, ORG, said, "granted", now=NOW)
        for _ in range(2):
            assert leave_list(session, settings, token, now=NOW).org == ORG
        [row] = session.scalars(select(Suppression))
        assert (row.address, row.reason) == ("ana@example.com", "unsubscribe")
        assert len(session.scalars(select(Consent)).all()) == 2
        gone = way_out(settings, Leaving("gone", "email", ANA)).url or ""
        with pytest.raises(ContentError, match="leads nowhere: there is no organisation 'gone'"):
            leave_list(session, settings, gone.partition("token=")[2], now=NOW)
        with pytest.raises(ContentError, match="not valid"):
            leave_list(session, settings, token + "x", now=NOW)
