"""``python -m benchmarks.workflows``: executions of a workflow of three steps, a minute.

An event starts each: an e-mail to the outbox, a tag, an update of the contact. The database is a
PostgreSQL that commits to disk, or a SQLite file. DBOS runs three empty steps beside it, where it
can be installed (``--dbos``).
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from sqlalchemy import func, select

from processors.database.engine import Database, connect
from processors.database.migrate import migrate
from processors.database.models import Organisation, WorkflowExecution
from processors.workflow.definition.saving import save_workflow
from runtime.client import AtlasClient, NewJob
from runtime.config.settings import load_settings
from runtime.embedded.server import EmbeddedRedis
from tests.postgres import PrivatePostgres, find_programs

ROOT = Path(__file__).parent.parent
ORG = "org_bench"
_WAIT_S = 300.0


def _node(node_id: str, action: str | None, **config: Any) -> dict[str, Any]:
    data = {"label": node_id, "config": config} | ({"actionType": action} if action else {})
    kind = "action" if action else "trigger"
    return {"id": node_id, "type": kind, "position": {"x": 0, "y": 0}, "data": data}


DEFINITION = {
    "id": "three-steps",
    "name": "Three steps",
    "trigger_type": "lead_created",
    "nodes": [
        _node("start", None),
        _node("mail", "send_email", subject="Welcome", text="Hi {{contact.first_name}}",
              purpose="transactional"),
        _node("tag", "add_tag", tag="welcomed"),
        _node("update", "update_lead", updates={"status": "contacted"}),
    ],
    "edges": [
        {"id": f"{source}-{target}", "source": source, "target": target}
        for source, target in (("start", "mail"), ("mail", "tag"), ("tag", "update"))
    ],
}  # fmt: skip


@contextmanager
def _database(kind: str, folder: Path) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'bench.db'}"
        return
    programs = find_programs()
    if programs is None:
        raise click.ClickException("PostgreSQL's programs are not installed")
    server = PrivatePostgres(programs, durable=True)
    try:
        yield server.new_database()
    finally:
        server.stop()


def measure(kind: str, processes: int, executions: int) -> dict[str, float]:
    """Executions a minute, from the first that ended to the last."""
    with (
        tempfile.TemporaryDirectory(prefix="atlas-wf-") as name,
        EmbeddedRedis(Path(name) / "redis", port=0) as redis,
        _database(kind, Path(name)) as url,
    ):
        environment = {
            **os.environ,
            "REDIS_URL": redis.url,
            "DATABASE_URL": url.replace("postgresql+psycopg", "postgresql"),
            "ATLAS_APPLICATION": "benchmarks.contenders.crm",
            "ATLAS_PROCESSES": str(processes),
            "ATLAS_ENV": "test",
            "PYTHONPATH": str(ROOT),
        }
        database = connect(environment["DATABASE_URL"])
        migrate(database)
        with database.write() as session:
            session.add(Organisation(id=ORG, name="Bench"))
            session.flush()
            save_workflow(session, ORG, DEFINITION, status="active")
        os.environ.update(environment)
        with AtlasClient.from_settings(load_settings(env_file=None)) as client:
            client.enqueue_many(_event(number) for number in range(executions))
        worker = subprocess.Popen(
            [sys.executable, "-m", "runtime.worker"], env=environment, stderr=subprocess.DEVNULL,
            cwd=name,
        )  # fmt: skip
        try:
            return {"executions_per_min": _timed(database, executions)}
        finally:
            worker.terminate()
            worker.wait()
            database.close()


def _event(number: int) -> NewJob:
    contact = {"id": f"c{number}", "first_name": "Ana", "email": f"ana{number}@example.com"}
    payload = {"trigger_type": "lead_created", "trigger_data": {"contact": contact}}
    return NewJob("process_trigger", ORG, payload, job_id=f"event-{number}")


def _timed(database: Database, executions: int) -> float:
    began, before, deadline = None, 0, time.monotonic() + _WAIT_S
    while time.monotonic() < deadline:
        with database.read() as session:
            done = session.scalar(
                select(func.count()).where(WorkflowExecution.status == "completed")
            )
        now = time.perf_counter()
        if done and began is None:
            began, before = now, done
        if began is not None and done == executions:
            return (executions - before) / (now - began) * 60
        time.sleep(0.2)
    raise click.ClickException(f"{executions} executions did not end within {_WAIT_S:.0f} s")


_DBOS = """
import json, os, sys, time
from dbos import DBOS, DBOSConfig
DBOS(config=DBOSConfig(name="bench", system_database_url=sys.argv[1], run_admin_server=False))
@DBOS.step()
def step(n): return n
@DBOS.workflow()
def three(n): return step(n), step(n), step(n)
DBOS.launch()
three(0)
started = time.perf_counter()
for n in range(int(sys.argv[2])): three(n)
print(json.dumps({"executions_per_min": int(sys.argv[2]) / (time.perf_counter() - started) * 60}))
DBOS.destroy()
"""


def measure_dbos(executions: int) -> dict[str, float]:
    """The same figure of DBOS, called directly, in an environment of its own."""
    programs = find_programs()
    if programs is None:
        raise click.ClickException("PostgreSQL's programs are not installed")
    with tempfile.TemporaryDirectory(prefix="atlas-dbos-") as name:
        venv.create(name, with_pip=True)
        python = str(Path(name) / "bin" / "python")
        install = [python, "-m", "pip", "install", "-q", "dbos", "psycopg[binary]"]
        subprocess.run(install, check=True)  # noqa: S603 - fixed command
        server = PrivatePostgres(programs, durable=True)
        try:
            url = server.new_database()
            done = subprocess.run(  # noqa: S603 - our own program
                [python, "-c", _DBOS, url, str(executions)],
                check=True, capture_output=True, text=True, cwd=name,
            )  # fmt: skip
        finally:
            server.stop()
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


@click.command()
@click.option("--executions", default=1_500, show_default=True, type=click.IntRange(10, 100_000))
@click.option("--dbos", is_flag=True, help="Measure DBOS beside it; installs it for the moment.")
def main(*, executions: int, dbos: bool) -> None:
    """Executions a minute of a workflow of three steps."""
    figures = {
        "PostgreSQL, 2 processes": measure("postgresql", 2, executions),
        "PostgreSQL, 1 process": measure("postgresql", 1, executions),
        "SQLite, 2 processes": measure("sqlite", 2, executions),
    }
    if dbos:
        figures["DBOS, called directly"] = measure_dbos(executions)
    for name, found in figures.items():
        click.echo(f"{name:28} {found['executions_per_min']:10,.0f} executions/min")


if __name__ == "__main__":
    main()
