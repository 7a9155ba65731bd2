"""``atlas template`` on a real database and Redis."""

import json
import shutil
from typing import Any

import pytest
from click.testing import CliRunner

from processors.database import models
from processors.database.command import open_database
from processors.database.models import Organisation
from processors.templates.commands import CHANNELS, template
from tests.processors.harness import ORG


@pytest.fixture
def atlas(monkeypatch, tmp_path, redis_url, sqlite_original):
    shutil.copyfile(sqlite_original, tmp_path / "atlas.db")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("REDIS_URL", redis_url)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/atlas.db")
    monkeypatch.chdir(tmp_path)
    with open_database() as database, database.write() as session:
        session.add(Organisation(id=ORG, name="Iron Works"))

    def run(*arguments: str, code: int = 0, given: str | None = None) -> Any:
        command = [*arguments, "--org", ORG]
        result = CliRunner().invoke(template, command, input=given)
        assert result.exit_code == code, (result.output, result.exception)
        return json.loads(result.stdout) if "--json" in arguments else result.output

    return run


def test_a_template_from_file_to_rollback(atlas, tmp_path) -> None:
    (tmp_path / "Hello.txt").write_text("Hi {{firstName}}, spin at six 💪")
    sms = ("--channel", "sms")
    saved = atlas("save", "Hello.txt", *sms, "--variable", "firstName=there", "--variable", "x")
    assert "hello saved as version 1" in saved
    assert "note: declared and not used: x" in saved
    assert "is already version 1" in atlas(
        "save", "Hello.txt", *sms, "--variable", "firstName=there", "--variable", "x"
    )
    shown = atlas("show", "Hello", *sms, "--data", '{"firstName": "Ana"}')
    assert "hello (sms, version 1)" in shown
    assert "variables: firstName, x" in shown
    assert "1 segment (UCS-2 because of “💪”)" in shown
    assert "Hi Ana, spin at six" in shown
    assert "Hi there" in atlas("show", "hello", *sms, "--data", "{}")
    assert "Hi {{firstName}}" in atlas("show", "hello", *sms)

    (tmp_path / "hello.json").write_text(
        json.dumps({"channel": "sms", "body": "Bye", "purpose": "marketing", "variables": []})
    )
    assert atlas("save", "hello.json", "--json")["version"] == 2
    assert atlas("show", "hello", *sms, "--json")["body"] == "Bye"
    assert "Hi {{" in atlas("show", "hello", *sms, "--version", "1")
    versions = atlas("versions", "hello", *sms, "--json")
    assert [(row["version"], row["is_used"]) for row in versions] == [(2, True), (1, False)]
    assert "hello is version 3 now, which says what 1 says" in atlas("rollback", "hello", "1", *sms)
    assert "version 3 is in use already" in atlas("rollback", "hello", "3", *sms)
    assert "in use" in atlas("versions", "hello", *sms)
    listed = {row["name"]: row for row in atlas("list", "--json")}
    assert listed["hello"]["version"] == 3
    assert listed["newsletter"]["version"] is None

    (tmp_path / "offer.html").write_text("<b onclick=x>{{firstName}}</b><script>x</script>")
    atlas("save", "offer.html", "--subject", "For {{firstName}}")
    body = atlas("show", "offer", "--data", '{"firstName": "<Ana>"}', "--json")
    assert body["subject"] == "For <Ana>"
    assert "<b>&lt;Ana&gt;</b></body>" in body["body"]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("show", "nope"), 1, "there is no email template 'nope'; allowed: class-"),
        (("show", "newsletter", "--version", "3"), 1, "has no version 3"),
        (("show", "newsletter", "--data", "[1]"), 2, "JSON object"),
        (("versions", "newsletter"), 1, "has no email template 'newsletter' of its own"),
        (("rollback", "newsletter", "1"), 1, "has no email template 'newsletter' of its own"),
        (("save", "-", "--channel", "sms", "--name", "x"), 1, "its body is empty"),
        (("save", "bad.json"), 1, "the template is not JSON"),
        (("save", "list.json"), 1, "the template is not a JSON object"),
        (("save", "odd.json"), 1, "unknown fields colour; allowed: name, channel, subject, body"),
        (("save", "number.json"), 1, "the template's body must be a text"),
        (("save", "vars.json"), 1, "'5' is no variable; allowed: a name"),
        (("save", "latin.txt"), 1, "is not UTF-8 text"),
        (("save", "missing.txt"), 2, "No such file"),
    ],
)
def test_wrong_use_is_one_line(atlas, tmp_path, arguments, code, says) -> None:
    for name, text in (
        ("bad.json", b"{"), ("list.json", b"[]"), ("odd.json", b'{"colour": 1}'),
        ("number.json", b'{"body": 5}'), ("vars.json", b'{"body": "x", "variables": [5]}'),
        ("latin.txt", b"\xe9"),
    ):  # fmt: skip
        (tmp_path / name).write_bytes(text)
    output = atlas(*arguments, code=code, given="")
    assert says in output
    assert "Traceback" not in output


def test_the_commands_know_the_channels() -> None:
    assert CHANNELS == models.CHANNELS
