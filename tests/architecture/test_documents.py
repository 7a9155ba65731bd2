"""README, CONTRIBUTING, docs/ and .env.example against the code and against each other."""

import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from processors.settings import CrmSettings
from runtime.config.settings import Settings
from tests.documents import DECISIONS, PARTS, ROOT, commands, made_anew

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
# Pages that say what was, or that quote; commands in them are not documentation.
_EXAMPLES = re.compile(r"\batlas ([a-z][a-z-]*)")
_NOT_COMMANDS = {"queue"}  # the product is called Atlas queue


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    """Where a link into a page may lead, as GitHub names it."""
    titles = re.findall(r"^#+ (.+)$", read(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize(("page", "name", "make"), PARTS, ids=[name for _, name, _ in PARTS])
def test_what_is_made_from_code_is_as_the_code_is(page: str, name: str, make: Callable[[], str]):
    text = read(ROOT / page)
    assert made_anew(text, name, make()) == text, "python -m tests.documents makes it anew"


def test_every_command_is_documented_exactly_once():
    titles = re.findall(r"^### `(atlas [^`]+)`$", read(ROOT / "docs/commands.md"), re.MULTILINE)
    for name, _ in commands():
        same = [title for title in titles if title == name or title.startswith(f"{name} ")]
        assert len(same) == 1, name
    assert len(titles) == len(list(commands()))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_names_only_commands_that_exist(page: Path):
    known = {name.split()[1] for name, _ in commands()} | _NOT_COMMANDS
    code = re.findall(r"`[^`\n]+`|^```.*?^```$", read(page), flags=re.MULTILINE | re.DOTALL)
    assert {name for text in code for name in _EXAMPLES.findall(text)} <= known


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_pictures_lead_somewhere(page: Path):
    for link in re.findall(r"\]\(([^)\s:]+)\)", read(page)):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_names_only_files_that_exist(page: Path):
    named = re.findall(r"`((?:runtime|processors|tui|tests|docs|benchmarks)/[\w./-]+)`", read(page))
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_page_is_reached_from_the_readme():
    seen, left = set(), [ROOT / "README.md"]
    while left:
        page = left.pop()
        seen.add(page)
        links = re.findall(r"\]\(([^)\s:#]+\.md)", read(page))
        left += [p for link in links if (p := (page.parent / link).resolve()) not in seen]
    assert set((ROOT / "docs").rglob("*.md")) - seen == set()


def test_the_readme_is_a_landing_page():
    assert len(read(ROOT / "README.md").splitlines()) <= 100


def test_decisions_are_numbered_once_and_say_what_was_decided_when():
    numbers = []
    for file in sorted(DECISIONS.glob("[0-9]*.md")):
        text = read(file)
        heading = re.match(r"# (\d+)\. .+\n\n\d{4}-\d\d-\d\d", text)
        assert heading, file.name
        assert int(file.name[:4]) == int(heading[1]), file.name
        assert "\n**Decision.** " in text, file.name
        numbers.append(int(heading[1]))
    assert len(numbers) == len(set(numbers))


def test_env_example_has_only_known_variables():
    known = {line.variable for line in Settings.reference(CrmSettings)} | {"NODE_ENV"}
    text = read(ROOT / ".env.example")
    named = set(re.findall(r"^#?([A-Z_]+)=", text, flags=re.MULTILINE))
    assert named
    assert named <= known


def test_contributing_says_why_each_dependency_is_there_and_no_other():
    project = tomllib.loads(read(ROOT / "pyproject.toml"))["project"]
    extras = [r for group in project["optional-dependencies"].values() for r in group]
    names = {re.split(r"[\[<>=~! ]", line)[0] for line in [*project["dependencies"], *extras]}
    section = read(ROOT / "CONTRIBUTING.md").partition("## Dependencies")[2]
    rows = re.findall(r"^\| (`.+?) \| (.+) \|$", section, flags=re.MULTILINE)
    assert {name for row, _ in rows for name in re.findall(r"`([^`]+)`", row)} == names
