"""What `runtime` offers by name is there, is documented, and costs nothing until it is used."""

import doctest
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import runtime

ROOT = Path(__file__).parents[2]
# What a producer never needs: screens, databases, commands, and what only workers and readers use.
UNWANTED = {
    "textual", "rich", "sqlalchemy", "alembic", "click", "rq", "croniter", "psutil", "structlog",
    "jinja2", "plotext", "tui", "processors",
}  # fmt: skip


def loaded_after(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("name", runtime.__all__)
def test_each_name_is_there_and_says_what_it_is(name: str) -> None:
    value = getattr(runtime, name)
    assert value is not None
    assert name in dir(runtime)
    if callable(value):
        assert value.__doc__


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'runtime' has no attribute 'Nope'"):
        runtime.Nope  # noqa: B018
    assert not hasattr(runtime, "Nope")


def test_importing_the_package_imports_nothing_else() -> None:
    assert loaded_after("import runtime") & (UNWANTED | {"redis", "pydantic", "asyncio"}) == set()


@pytest.mark.parametrize(
    "names",
    ["AtlasClient", "AsyncAtlasClient", "Application, Queue, RetryPolicy, JobContext, Middleware"],
)
def test_what_a_producer_imports_brings_only_what_it_needs(names: str) -> None:
    assert loaded_after(f"from runtime import {names}") & UNWANTED == set()


def test_an_application_of_functions_costs_its_producer_no_worker() -> None:
    assert (
        loaded_after(
            "from runtime import Application\n"
            "app = Application()\n"
            "def greet(name: str) -> None: ...\n"
            "app.job()(greet)"
        )
        & (UNWANTED | {"redis"})
        == set()
    )


@pytest.mark.parametrize("package", ["runtime", "processors", "tui"])
def test_type_checkers_read_our_types(package: str) -> None:
    assert (ROOT / package / "py.typed").exists()


DOCUMENTED = ["runtime.client", "runtime.async_client", "runtime.application"]


@pytest.mark.parametrize("module", DOCUMENTED)
def test_the_examples_in_docstrings_run(module: str, redis_url: str, monkeypatch) -> None:
    monkeypatch.setenv("REDIS_URL", redis_url)
    monkeypatch.setenv("ATLAS_APPLICATION", "tests.runtime.engine_app")
    found = doctest.testmod(importlib.import_module(module))
    assert (found.failed, found.attempted > 0) == (0, True)


def test_the_examples_of_the_crms_client_run(redis_url: str, monkeypatch) -> None:
    monkeypatch.setenv("REDIS_URL", redis_url)
    found = doctest.testmod(importlib.import_module("processors.client"))
    assert (found.failed, found.attempted > 0) == (0, True)
