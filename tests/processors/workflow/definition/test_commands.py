"""``atlas workflow``: every command, its exit code, and what is left in the database."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from processors import application
from processors.database.engine import connect
from processors.database.migrate import migrate
from processors.database.models import Organisation
from processors.workflow.definition.inferring import infer
from processors.workflow.definition.reading import read_workflow
from processors.workflow.definition.tree import tree
from runtime.errors import AtlasError
from tests.processors.harness import ORG
from tests.processors.shapes import JOURNEY_EDGES, JOURNEY_NODES, TRIGGER, node

DEFINITIONS = Path(__file__).parents[1] / "definitions"


@pytest.fixture
def atlas(tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path / 'atlas.db'}"
    for name, value in {"DATABASE_URL": url, "ATLAS_ENV": "test", "HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    database = connect(url)
    migrate(database)
    with database.write() as session:
        session.add(Organisation(id=ORG, name="Iron Works Gym"))
    database.close()
    [group] = [command for command in application.commands() if command.name == "workflow"]

    def run(*words: str, text: str | None = None) -> Result:
        return CliRunner().invoke(group, words, input=text)

    return run


def stored(definition: dict[str, Any], path: Path) -> str:
    path.write_text(json.dumps(definition))
    return str(path)


def journey(**fields: Any) -> dict[str, Any]:
    whole = {"id": "journey", "name": "Journey", "trigger_type": "new_lead",
             "nodes": JOURNEY_NODES, "edges": JOURNEY_EDGES}  # fmt: skip
    return whole | fields


def test_a_workflow_from_file_to_archive(atlas, tmp_path):
    file = stored(journey(), tmp_path / "w.json")
    tried = atlas("import", file, "--org", ORG, "--dry-run")
    assert f"{file}: journey would be saved as version 1, draft" in tried.output
    assert atlas("list").output == "no workflows\n"
    assert (
        "journey saved as version 1, active"
        in atlas("import", file, "--org", ORG, "--status", "active", "--actor", "ana").output
    )
    assert "is version 1 already, active" in atlas("import", file, "--org", ORG).output
    stored(journey(name="Longer"), tmp_path / "w.json")
    assert "saved as version 2, active" in atlas("import", file, "--org", ORG).output
    assert "version 1 again, as version 3" in atlas("rollback", "journey", "1", "--org", ORG).output
    versions = json.loads(atlas("versions", "journey", "--org", ORG, "--json").output)
    assert [(v["version"], v["is_used"]) for v in versions] == [(3, True), (2, False), (1, False)]
    assert versions[2]["author"] == "ana"
    exported = atlas("export", "journey", "--org", ORG)
    assert json.loads(exported.output)["name"] == "Journey"
    assert atlas("import", "-", "--org", ORG, text=exported.output).exit_code == 0
    [listed] = json.loads(atlas("list", "--org", ORG, "--json").output)
    assert (listed["events"], listed["status"], listed["version"]) == (
        ["lead_created"],
        "active",
        3,
    )
    for command, status in (("disable", "paused"), ("enable", "active"), ("archive", "archived")):
        result = atlas(command, "journey", "--org", ORG)
        assert result.output == f"workflow journey is {status}\n"
    assert atlas("delete", "journey", "--org", ORG).output == "workflow journey is deleted\n"
    assert isinstance(atlas("show", "journey", "--org", ORG).exception, AtlasError)


def test_show_draws_every_node_once(atlas, tmp_path):
    atlas("import", stored(journey(), tmp_path / "w.json"), "--org", ORG)
    lines = atlas("show", "journey", "--org", ORG).output.splitlines()
    assert lines == [
        "Journey  journey, version 1, draft",
        "t  trigger lead_created",
        "mail  action send_email Hi {{lead.first_name}}",
        "wait  wait 2 h",
        "warm  condition score greater_than 50",
        "├─ true: sms  action send_sms Hi {{lead.first_name}}!",
        "│  tag  action add_tag welcomed",
        "└─ false: ↑ tag",
    ]


def test_check_tells_all_of_all_files_and_needs_no_database(atlas, tmp_path, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "sqlite:////nowhere/at/all.db")
    good = stored(journey(), tmp_path / "good.json")
    bad = stored(journey(nodes=[TRIGGER, node("a", "action")], edges=[]), tmp_path / "bad.json")
    assert atlas("check", good).output == f"{good}: it can be used\n"
    result = atlas("check", good, bad)
    assert result.exit_code == 2
    assert f"{bad}: a: the action names no actionType" in result.output
    assert f"{bad}: a: no path from a trigger leads here" in result.output
    told = json.loads(atlas("check", bad, "--json").output)
    assert {problem["where"] for problem in told[0]["problems"]} == {"a"}
    for broken in ("{", "[]"):
        (tmp_path / "x.json").write_text(broken)
        assert atlas("check", str(tmp_path / "x.json")).exit_code == 2
    assert atlas("check", str(tmp_path / "none.json")).exit_code == 2


def test_one_bad_file_does_not_keep_the_others_out(atlas, tmp_path):
    bad = stored(journey(id="bad", nodes=[]), tmp_path / "bad.json")
    good = stored(journey(), tmp_path / "good.json")
    result = atlas("import", bad, good, "--org", ORG)
    assert result.exit_code == 2
    assert f"{bad}: not saved: there are no nodes" in result.output
    assert "journey saved as version 1, draft" in result.output


def test_infer_shows_what_it_changes(atlas):
    [file] = map(str, DEFINITIONS.glob("01-*.json"))
    refused = atlas("check", file)
    assert refused.exit_code == 2
    assert "--infer would change it so:" in refused.output
    assert refused.output.count('+        "actionType": "send_email"') == 2
    imported = atlas("import", file, "--org", ORG)
    assert imported.exit_code == 2
    assert "--infer would change it so:" in imported.output
    result = atlas("check", file, "--infer", "--trigger", "new_lead")
    assert result.exit_code == 0, result.output
    assert '+  "trigger_type": "new_lead",' in result.output
    assert result.output.count('+        "actionType": "send_email"') == 2
    assert result.output.count('+        "actionType": "send_sms"') == 1
    assert result.output.count('+        "actionType": "update_score"') == 1


def read(number: str, trigger: str) -> Any:
    [path] = DEFINITIONS.glob(f"{number}-*.json")
    return read_workflow(infer(json.loads(path.read_text()), trigger=trigger))


def test_what_cannot_be_inferred_stays_refused():
    places = {problem.where for problem in read("03", "lead_updated").problems}
    assert places == {"action_1", "action_3", "trigger_1"}
    labels_only = {problem.where for problem in read("09", "new_lead").problems}
    assert labels_only == {"2", "3", "4"}
    assert "12" not in str(read("12", "campaign.started").workflow)


def test_a_list_of_tasks_becomes_one_step_each():
    reading = read("02", "new_client")
    assert reading.problems == ()
    assert tree(reading.workflow) == [
        'trigger_1  trigger new_client if {"source": ["signup_form"]}',
        "action_1  action send_email welcome-package",
        "action_2  action create_task Complete profile setup",
        "action_2_2  action create_task Schedule consultation",
        "action_2_3  action create_task Upload documents",
        "loop_1  loop from 0 to 10 until onboarding_complete equals true",
        "└─ body: condition_1  condition completed_tasks_percentage greater_than 80",
        "   ├─ true: action_3  action send_email onboarding-complete",
        "   └─ false: action_4  action send_email onboarding-reminder",
        "      ↺ loop_1",
    ]


def test_what_a_person_wrote_is_drawn_harmless(atlas, tmp_path):
    named = journey(name="\x1b[31mred\x07")
    atlas("import", stored(named, tmp_path / "w.json"), "--org", ORG)
    for words in (
        ("show", "journey", "--org", ORG),
        ("list",),
        ("versions", "journey", "--org", ORG),
    ):
        assert "\x1b" not in atlas(*words).output
