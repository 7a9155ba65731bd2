"""The layers, as tests: what imports what, and what an import pulls in."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("runtime", "processors", "tui")
MODULES = sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))


def loaded_after(statement: str) -> set[str]:
    """Names of all modules that a fresh interpreter has loaded after a statement."""
    done = subprocess.run(
        [sys.executable, "-c", f"{statement}\nimport sys\nprint(*sys.modules, sep='\\n')"],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return set(done.stdout.split())


def test_the_import_contracts_hold():
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("statement", "unwanted"),
    [
        # A producer (a web process of the CRM) pays for nothing but the client.
        ("import runtime.client", {"processors", "tui", "textual", "rich", "rq", "sqlalchemy"}),
        (
            "import runtime.view.reader, runtime.control.control",
            {"processors", "tui", "textual", "rich"},
        ),
        # Structlog loads rich by itself where it is installed; we may not.
        ("import runtime.worker.supervisor", {"processors", "tui", "textual", "sqlalchemy"}),
        ("import processors", {"tui", "textual", "rich", "rq", "redis", "sqlalchemy", "alembic"}),
        # Textual reads its environment at import; the launcher sets it first.
        ("import tui.main", {"textual", "rich", "processors"}),
    ],
)
def test_an_import_pulls_in_no_more_than_it_needs(statement: str, unwanted: set[str]):
    assert loaded_after(statement) & unwanted == set()


def test_the_help_of_atlas_loads_no_engine():
    loaded = loaded_after(
        "from runtime.cli.atlas import main\ntry: main(['--help'])\nexcept SystemExit: pass"
    )
    assert "runtime.cli.atlas" in loaded
    assert loaded & {"redis", "rq", "sqlalchemy", "structlog", "textual", "psutil"} == set()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_says_what_it_is(path: Path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstring = ast.get_docstring(tree)
    assert docstring, "no docstring"
    assert not docstring.splitlines()[0].startswith(" ")


def test_no_module_is_named_like_one_of_the_standard_library():
    top = {path.stem for name in PACKAGES for path in (ROOT / name).glob("*.py")}
    everywhere = {path.stem for path in MODULES} - {"__init__", "__main__"}
    # Below a package a name shadows nothing, but these would mislead all the same.
    confusing = {"queue", "types", "logging", "email", "signal", "operator", "inspect"}
    assert (top - {"__init__", "__main__"}) & sys.stdlib_module_names == set()
    assert everywhere & confusing == set()
    assert everywhere & {"utils", "helpers", "manager", "misc", "common"} == set()


def test_files_stay_readable():
    long = {
        str(path.relative_to(ROOT)): lines
        for path in MODULES
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert long == {}
