"""``atlas campaigns`` and ``atlas segments``: on a real Redis and a real database."""

import json
import uuid
from contextlib import closing
from typing import Any

import pytest
from click.testing import CliRunner

from processors.campaigns import commands, segment_commands
from processors.campaigns.files import read_recipients
from processors.database.models import CAMPAIGN_STATUSES, CHANNELS, Contact
from processors.errors import DefinitionError
from processors.payloads.campaigns import LoadCampaign, SendBatch
from processors.resources import Resources
from processors.senders.outbox import OutboxSender
from runtime.broker import open_broker
from runtime.broker.reads.streams import read_audit
from runtime.client import AtlasClient, NewJob
from runtime.config.settings import load_settings
from runtime.errors import AtlasError
from runtime.view.reader import Reader
from tests.processors.harness import ORG, Engine


class Shell:
    """Commands, and a worker that runs what they enqueued."""

    def __init__(self, database: Any) -> None:
        self.settings = load_settings(env_file=None)
        outbox = OutboxSender()
        senders = {"email": outbox, "sms": outbox, "whatsapp": outbox}
        self.engine = Engine(Resources(database, senders, self.settings, "hello@iron.example"))

    def __call__(self, *arguments: str, code: int = 0) -> Any:
        group = {"campaigns": commands.campaigns, "segments": segment_commands.segments}
        result = CliRunner().invoke(group[arguments[0]], list(arguments[1:]))
        if isinstance(result.exception, AtlasError):
            return f"error: {result.exception}"
        assert result.exit_code == code, (result.output, result.exception)
        return json.loads(result.stdout) if "--json" in arguments else result.stdout

    def work(self, ident: str, kind: str = "load_campaign", number: int = 0) -> None:
        """Run a job that a command enqueued."""
        name = {"load_campaign": "part"}.get(kind, "batch")
        with AtlasClient.from_settings(self.settings) as client:
            assert client.status(f"campaign-{ident}-{name}-{number}").state == "waiting"
            with closing(Reader.from_settings(self.settings)) as reader:
                detail = reader.job(f"campaign-{ident}-{name}-{number}")
        model = LoadCampaign if kind == "load_campaign" else SendBatch
        self.engine.call(NewJob(kind, ORG, model.model_validate(detail.payload)))


@pytest.fixture
def shell(monkeypatch, redis_url, database, database_url, tmp_path):
    for name, value in {
        "REDIS_URL": redis_url, "RQ_KEY_PREFIX": "rq", "ATLAS_ENV": "test",
        "HOME": str(tmp_path), "DATABASE_URL": database_url,
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return Shell(database)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_life_of_a_campaign(shell, tmp_path):
    assert shell("campaigns", "list") == "no campaigns\n"
    (tmp_path / "list.csv").write_text(
        "\ufeffEmail,firstName\nana@example.com,Ana\nbo@example.com,\n", encoding="utf-8"
    )
    (tmp_path / "more.jsonl").write_text('{"to": "cy@example.com", "first_name": "Cy"}\n\n')
    ident = str(uuid.uuid4())
    begin = ["campaigns", "start", "list.csv", "more.jsonl", "--org", ORG, "--channel", "email",
             "--text", "Hi {{first_name}}", "--subject", "Hi", "--id", ident, "--name", "Spring",
             "--actor", "ana@desk", "--reason", "sale"]  # fmt: skip
    assert shell(*begin).startswith(f"campaign {ident}: 3 recipients handed over; see: ")
    shell(*begin)
    shell.work(ident)
    shown = shell("campaigns", "show", ident, "--json")
    assert (shown["status"], shown["total"], shown["counts"]["pending"]) == ("running", 3, 3)
    assert "running" in shell("campaigns", "list", "--org", ORG)
    assert "paused: 3 pending" in shell("campaigns", "pause", ident, "--reason", "wrong price")
    assert "status      paused: wrong price" in shell("campaigns", "show", ident)
    assert "resumed: 3 pending" in shell("campaigns", "resume", ident)
    with AtlasClient.from_settings(shell.settings) as client:
        assert client.status(f"campaign-{ident}-batch-1").state == "waiting"
    assert "cancelled: 3 cancelled" in shell("campaigns", "cancel", ident, "--yes")
    assert shell("campaigns", "pause", ident).startswith("error: the campaign is cancelled; to ")
    assert shell("campaigns", "show", str(uuid.uuid4())).startswith("error: there is no campaign")
    with closing(open_broker(shell.settings)) as broker:
        entries = [fields for _, fields in read_audit(broker.connection, broker.keys, 10)]
    audit = [[word.decode() for word in entry.values()] for entry in entries]
    mine = [entry for entry in audit if ident in entry]
    assert {"start campaign", "ana@desk", "sale"} <= set(mine[-1])
    named = {word for entry in mine for word in entry if word.endswith(" campaign")}
    assert named == {"start campaign", "pause campaign", "resume campaign", "cancel campaign"}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_life_of_a_segment(shell, database):
    with database.write() as session:
        session.add(Contact(org_id=ORG, id="a", tags=["vip"]))
        session.add(Contact(org_id=ORG, id="b", tags=[]))
    assert shell("segments", "list") == "no segments\n"
    vips = '{"field": "tags", "operator": "has_any", "value": ["vip"]}'
    saved = shell("segments", "save", "vips", vips, "--org", ORG, "--name", "Our best")
    assert saved == f"segment vips of {ORG} saved: 1 contact\n"
    assert "Our best" in shell("segments", "list")
    assert shell("segments", "show", "vips", "--org", ORG, "--json")["conditions"] == json.loads(
        vips
    )
    assert shell("segments", "count", "vips", "--org", ORG) == (
        f"segment vips of {ORG} has 1 contact\n"
    )
    for wrong, said in [
        ("{}", "a segment needs a condition"),
        ('{"field": "score", "operator": "wishes", "value": 1}', "the operator 'wishes'"),
        ('{"field": "score", "operator": "equals", "value": 1, "color": 2}', "color"),
        ('{"logic": "XOR", "conditions": [{"field": "a", "operator": "is_set"}]}', "the logic"),
    ]:
        answer = shell("segments", "save", "bad", wrong, "--org", ORG)
        assert answer.startswith("error: ")
        assert said in answer
    assert shell("segments", "count", "bad", "--org", ORG) == (
        f"error: {ORG} has no segment 'bad'; allowed: vips"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name\nAna\n", "{file}:2: no address; allowed columns: to, email, phone"),
        ('to\n"a@b.co\n', "{file}: cannot be read: unexpected end of data"),
        (b"to\n\xff\xfe@b.co\n", "{file}: cannot be read: 'utf-8'"),
        (None, "{file}: cannot be read: No such file"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, text, said):
    file = tmp_path / "list.csv"
    if text is not None:
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DefinitionError) as refused:
        list(read_recipients([str(file)]))
    assert str(refused.value).startswith(said.format(file=file))


def test_a_row_is_a_recipient(tmp_path):
    file = tmp_path / "list.jsonl"
    file.write_text('{"Phone": "07700 900123", "lead_id": 7, "variables": {"a": 1}, "b": ""}\n')
    assert list(read_recipients([str(file)])) == [
        {"to": "07700 900123", "contact_id": "7", "variables": {"a": 1}}
    ]
    file.write_text("[1]\n")
    with pytest.raises(DefinitionError, match=":1: a JSON object is needed"):
        list(read_recipients([str(file)]))


def test_what_the_commands_offer_is_what_the_tables_allow():
    assert commands.STATUSES == CAMPAIGN_STATUSES
    assert commands.CHANNELS == CHANNELS
