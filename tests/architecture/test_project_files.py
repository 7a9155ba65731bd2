"""Makefile, lock, CI and pre-commit agree with each other and with pyproject.toml."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from tests.lowest import floors, requirements

ROOT = Path(__file__).parents[2]
REQUIREMENTS = [Requirement(line) for line in requirements()]


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def targets() -> set[str]:
    """The targets that `make help` lists."""
    return set(re.findall(r"^([a-z-]+):.*## ", text("Makefile"), flags=re.MULTILINE))


def locked() -> dict[str, list[Requirement]]:
    """The lock's lines by package; several where the Python version decides."""
    found: dict[str, list[Requirement]] = {}
    for line in text("requirements.lock").splitlines():
        if line and not line.lstrip().startswith("#"):
            requirement = Requirement(line)
            found.setdefault(requirement.name, []).append(requirement)
    return found


@pytest.mark.parametrize(
    "name",
    [
        ".github/workflows/ci.yml", ".pre-commit-config.yaml", ".devcontainer/devcontainer.json",
        ".ci/run", ".github/pull_request_template.md",
    ],
)  # fmt: skip
def test_what_calls_make_calls_targets_that_exist(name: str):
    called = set(re.findall(r"\bmake ([a-z][a-z-]*)", text(name)))
    assert called
    assert called <= targets()


def test_every_target_that_is_listed_is_phony():
    phony = re.search(r"^\.PHONY: ((?:.*\\\n)*.*)$", text("Makefile"), flags=re.MULTILINE)
    assert phony
    assert targets() <= set(phony[1].replace("\\", " ").split())


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=str)
def test_the_lock_has_every_requirement_in_a_version_that_is_allowed(requirement: Requirement):
    lines = locked().get(requirement.name, [])
    assert lines, "`make lock` puts it there"
    for line in lines:
        (pin,) = line.specifier
        assert pin.operator == "=="
        assert requirement.specifier.contains(pin.version), "`make lock` fits the lock"


def test_the_lock_names_no_server():
    assert re.findall(r"https?:|file:|--", text("requirements.lock")) == []


def test_a_floor_is_a_version_that_its_requirement_allows():
    lowest = floors()
    for requirement in REQUIREMENTS:
        assert requirement.specifier.contains(lowest[requirement.name])


def test_ci_runs_every_python_that_the_project_says_it_supports():
    project = tomllib.loads(text("pyproject.toml"))["project"]
    said = {line.rpartition(" ")[2] for line in project["classifiers"] if ":: Python :: 3." in line}
    matrix = re.search(r"python: \[(.+)\]", text(".github/workflows/ci.yml"))
    assert matrix
    run = set(re.findall(r"[\d.]+", matrix[1]))
    assert said <= run
    oldest = min(run, key=Version)
    assert project["requires-python"] == f">={oldest}"
