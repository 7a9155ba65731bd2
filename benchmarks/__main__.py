"""``make bench``: runs every contender in turn, several rounds, and prints medians and ratios."""

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import click

from benchmarks.report import Row, table, write_picture
from runtime.embedded.server import EmbeddedRedis

HERE = Path(__file__).parent
RESULTS = HERE / "results"
CONTENDERS = HERE / "contenders"
Figures = dict[str, float]
_BACKLOG = "1000000"


def run_contender(command: list[str], url: str) -> Figures:
    """One contender's figures; an empty dict when it cannot run here."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/tmp"),  # noqa: S108 - npm and caches want one
        "REDIS_URL": url,
        "ATLAS_ENV": "test",
        "ATLAS_APPLICATION": "benchmarks.contenders.application",
        "PYTHONPATH": str(HERE.parent),
    }
    done = subprocess.run(  # noqa: S603 - our own programs
        command, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    if done.returncode:
        click.echo(f"{command[1]} failed: {done.stderr.strip()[:1000]}", err=True)
        return {}
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def node_program(folder: Path) -> list[str] | None:
    """The BullMQ program with its packages installed beside it; None without Node.js."""
    if not shutil.which("npm") or not shutil.which("node"):
        click.echo("BullMQ is left out: it needs node and npm", err=True)
        return None
    for name in ("package.json", "bullmq.mjs"):
        shutil.copy(CONTENDERS / name, folder)
    install = ["npm", "install", "--silent", "--no-audit", "--no-fund"]
    if subprocess.run(install, cwd=folder, check=False).returncode:  # noqa: S603 - fixed command
        click.echo("BullMQ is left out: npm could not install it", err=True)
        return None
    return ["node", str(folder / "bullmq.mjs")]


def measure(rounds: int, jobs: int) -> dict[str, dict[str, list[float]]]:
    """All figures of all rounds: contender to figure to values."""
    collected: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with tempfile.TemporaryDirectory(prefix="atlas-bench-") as folder:
        bullmq = node_program(Path(folder))
        contenders = {
            "atlas": [sys.executable, "-m", "benchmarks.contenders.atlas", str(jobs)],
            "bullmq": [*bullmq, str(jobs)] if bullmq else None,
            "rq": [sys.executable, "-m", "benchmarks.contenders.stock_rq"],
            "backlog": [sys.executable, "-m", "benchmarks.contenders.atlas_backlog", _BACKLOG],
        }
        for number in range(rounds):
            for aof in ("no", "yes"):
                data = Path(folder) / f"redis-{number}-{aof}"
                with EmbeddedRedis(data, port=0, options={"appendonly": aof}) as server:
                    for name, command in contenders.items():
                        if command and (aof == "yes" or name == "atlas"):
                            label = name if aof == "yes" else f"{name} without AOF"
                            for figure, value in run_contender(command, server.url).items():
                                collected[label][figure].append(value)
            click.echo(f"round {number + 1} of {rounds} done", err=True)
    return collected


@click.command()
@click.option("--rounds", default=3, show_default=True, type=click.IntRange(1, 20))
@click.option("--jobs", default=30_000, show_default=True, type=click.IntRange(1_000, 1_000_000))
def main(*, rounds: int, jobs: int) -> None:
    """Compare Atlas with BullMQ and stock RQ on this machine."""
    collected = measure(rounds, jobs)
    medians = {
        name: {figure: statistics.median(values) for figure, values in figures.items()}
        for name, figures in collected.items()
    }
    rows = list(Row.all(medians))
    click.echo(table(rows))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "latest.json").write_text(
        json.dumps(
            {
                "machine": f"{platform.machine()}, {os.cpu_count()} cores",
                "python": platform.python_version(),
                "rounds": rounds,
                "jobs": jobs,
                "medians": medians,
                "all": collected,
            },
            indent=1,
        )
    )
    write_picture(rows, RESULTS / "latest.svg")


if __name__ == "__main__":
    main()
