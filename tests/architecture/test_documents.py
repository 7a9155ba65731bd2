"""README, CONTRIBUTING and .env.example against the code."""

import re
import tomllib
from pathlib import Path

from processors import application
from processors.settings import CrmSettings
from runtime.cli.atlas import SECTIONS
from runtime.config.settings import Settings
from tests.readme import README, made_anew

ROOT = Path(__file__).parents[2]


def test_the_readme_has_all_settings_and_keys_as_they_are():
    text = README.read_text(encoding="utf-8")
    assert made_anew(text) == text, "python -m tests.readme makes it anew"


def test_the_readme_names_every_command_and_no_other():
    text = README.read_text(encoding="utf-8")
    engine = {name for section in SECTIONS.values() for name in section}
    commands = {*engine, *(command.name for command in application.commands())}
    rows = re.findall(r"^\| (`atlas .*?) \|", text, flags=re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`atlas ([a-z-]+)", row)} == commands


def test_the_readme_shows_pictures_that_exist():
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README.read_text(encoding="utf-8"))
    assert pictures
    assert [picture for picture in pictures if not (ROOT / picture).is_file()] == []


def test_links_between_documents_lead_somewhere():
    for document in ROOT.glob("*.md"):
        links = re.findall(r"\]\(([^)#:]+)\)", document.read_text(encoding="utf-8"))
        assert [link for link in links if not (ROOT / link).exists()] == [], document.name


def test_env_example_has_only_known_variables():
    known = {line.variable for line in Settings.reference(CrmSettings)} | {"NODE_ENV"}
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    named = set(re.findall(r"^#?([A-Z_]+)=", text, flags=re.MULTILINE))
    assert named
    assert named <= known


def test_contributing_says_why_each_dependency_is_there():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [r for group in project["optional-dependencies"].values() for r in group]
    names = {re.split(r"[\[<>=~! ]", line)[0] for line in [*project["dependencies"], *extras]}
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert sorted(name for name in names if f"`{name}`" not in text) == []
