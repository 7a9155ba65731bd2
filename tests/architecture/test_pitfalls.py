"""The tables of docs/guarantees.md: they are complete, and what it says exists or not is so."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "runtime").rglob("*.py"))
_ROW = re.compile(r"^\| (\d+) \| (.+) \| (.+) \| (.+) \|$", re.MULTILINE)
_TEST = re.compile(r"`([^`]+)`")


def rows() -> list[tuple[int, list[str]]]:
    """Number and tests of each row."""
    text = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")
    return [(int(number), _TEST.findall(tests)) for number, _, _, tests in _ROW.findall(text)]


@cache
def functions_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in tree.body if isinstance(node, kinds)}


def test_every_pitfall_has_its_row_in_order():
    assert [number for number, _ in rows()] == list(range(1, 38))


@pytest.mark.parametrize(("number", "names"), rows(), ids=lambda value: str(value)[:3])
def test_every_row_names_tests_that_exist(number: int, names: list[str]):
    assert names, f"pitfall {number} names no test"
    for name in names:
        path, _, function = name.partition("::")
        assert function.startswith("test_"), name
        file = ROOT / "tests" / path
        assert file.is_file(), f"{name}: python -m tests.documents finds tests that moved"
        assert function in functions_in(file), name


@pytest.mark.parametrize(
    "unwanted",
    [
        "os.fork", "multiprocessing",  # 21: a fork copies locks that threads hold
        "pickle", "marshal", "shelve",  # 34: loading one runs what it says
        "urllib.request", "http.client", "requests", "httpx",  # 37: no webhooks
        "subscribe", "psubscribe", "pubsub",  # 32: no channel that commands come by
    ],
)  # fmt: skip
def test_the_engine_has_no_use_for(unwanted: str):
    module, _, name = unwanted.rpartition(".")
    users = [path.name for path in MODULES if unwanted in used_by(path)]
    assert users == [], f"{name} in {module or 'any object'}"


@cache
def used_by(path: Path) -> set[str]:
    """Modules that a file imports, and what it takes from any object: `x.y` as 'y' and 'x.y'."""
    used: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names=names):
                used |= {alias.name for alias in names} | {n.name.split(".")[0] for n in names}
            case ast.ImportFrom(module=str(module), names=names):
                used |= {module, module.split(".")[0], *(f"{module}.{n.name}" for n in names)}
            case ast.Attribute(attr=attr, value=ast.Name(id=owner)):
                used |= {attr, f"{owner}.{attr}"}
            case ast.Attribute(attr=attr):
                used.add(attr)
    return used


def test_what_is_used_is_seen():
    """The test above would notice: these are really used."""
    everything = set().union(*(used_by(path) for path in MODULES))
    assert {
        "os.getpid",
        "zlib",
        "subprocess.Popen",
        "importlib.import_module",
        "pipeline",
    } <= everything
