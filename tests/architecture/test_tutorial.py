"""The tutorial, run word for word in a directory that holds only it."""

import re
import sys
from pathlib import Path

import pytest

from benchmarks.apps.run import WORKERS, lines_of
from runtime.application import Application, load_application
from tests.architecture.pages import ROOT, blocks, run

PAGE = "docs/tutorial.md"
TEXT = (ROOT / PAGE).read_text(encoding="utf-8")
# Modules that a user may have lying about; each ends whoever takes it for ours or Python's.
STRAYS = ("runtime.py", "processors.py", "queue.py", "tui/__init__.py", "redis.py", "click.py")


@pytest.fixture
def tutorial(tmp_path: Path) -> Path:
    [module] = blocks(PAGE, "python")
    (tmp_path / "myapp.py").write_text(module)
    return tmp_path


def test_the_tutorial_runs_word_for_word(tutorial: Path, redis_url: str) -> None:
    done = run("".join(blocks(PAGE, "sh")), tutorial, redis_url)
    assert done.returncode == 0, done.stderr
    [printed] = blocks(PAGE, "")
    assert printed in done.stdout
    assert re.search(r"reports .*", done.stdout), done.stdout
    assert "Traceback" not in done.stderr


def test_what_else_lies_in_the_directory_is_not_taken_for_ours(
    tutorial: Path, redis_url: str
) -> None:
    for stray in STRAYS:
        (tutorial / stray).parent.mkdir(exist_ok=True)
        (tutorial / stray).write_text(f"raise SystemExit('{stray} was imported')\n")
    script = (
        "export ATLAS_APPLICATION=myapp\n"
        'atlas enqueue count_words --data \'{"text": "one two"}\' --id isolated\n'
        'atlas enqueue welcome --data \'{"address": "a"}\' --id plain\n'
        "atlas-worker --burst\n"
        "atlas-worker --burst\n"
        "atlas job isolated\n"
        "atlas job plain\n"
        "atlas-dash --help\n"
    )
    done = run(script, tutorial, redis_url)
    assert done.returncode == 0, done.stderr + done.stdout
    assert done.stdout.count("finished") >= 2
    assert "was imported" not in done.stdout + done.stderr


def test_the_application_of_the_tutorial_is_short(tutorial: Path, monkeypatch) -> None:
    [module] = blocks(PAGE, "python")
    definition = module.partition("\n\nif __name__")[0]
    assert len([line for line in definition.splitlines() if line.strip()]) <= 30
    monkeypatch.chdir(tutorial)
    monkeypatch.setattr(sys, "path", [*sys.path])
    application = load_application("myapp")
    assert isinstance(application, Application)
    assert len(application.catalogue.kinds) == 3
    assert len(application.recurring) == 1
    del sys.modules["myapp"]


@pytest.mark.parametrize("name", list(WORKERS))
def test_the_stated_lines_are_those_of_the_applications(name: str) -> None:
    assert f"| {name} | {lines_of(name)} |" in TEXT
