"""A migrated database of this test, and the command over it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from processors.database.engine import Database, connect
from processors.database.migrate import migrate
from processors.importing.commands import import_

Run = Callable[..., SimpleNamespace]


def runner(home: Path, patch: pytest.MonkeyPatch, url: str | None = None) -> tuple[Run, Database]:
    """``atlas import crm`` over a database of its own; takes files by name and content."""
    database = connect(url or f"sqlite:///{home / 'atlas.db'}")
    migrate(database)
    patch.setenv("DATABASE_URL", database.engine.url.render_as_string(hide_password=False))
    patch.setenv("HOME", str(home))

    def run(files: dict[str, Any], *options: str) -> SimpleNamespace:
        paths = []
        for name, content in files.items():
            path = home / name
            path.write_text(content if isinstance(content, str) else json.dumps(content))
            paths.append(str(path))
        done = CliRunner().invoke(import_, ["crm", *paths, *options, "--json"])
        answer = json.loads(done.stdout) if done.stdout.startswith("{") else {}
        rows = {
            kind: {name: count for name, count in row.items() if count}
            for kind, row in answer.get("rows", {}).items()
        }
        return SimpleNamespace(
            code=done.exit_code, rows=rows, refused=answer.get("refused", []), output=done.output
        )

    return run, database


@pytest.fixture(params=["sqlite", "postgresql"])
def both(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Run, Database]]:
    is_sqlite = request.param == "sqlite"
    url = None if is_sqlite else str(request.getfixturevalue("postgres_url"))
    run, database = runner(tmp_path, monkeypatch, url)
    yield run, database
    database.close()


@pytest.fixture
def run(both: tuple[Run, Database]) -> Run:
    return both[0]


@pytest.fixture
def database(both: tuple[Run, Database]) -> Database:
    return both[1]
