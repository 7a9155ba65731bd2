"""``make demo``: starts everything, shows it, and leaves nothing behind."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import click

from processors.database.engine import connect
from processors.demo.address import Address, published
from processors.demo.children import Child
from processors.demo.stopping import Stopped, Stopping
from processors.demo.terminal import is_interactive, restored
from processors.messaging.outbox import count_messages
from processors.settings import CrmSettings
from runtime.config.settings import Settings
from runtime.embedded.server import EmbeddedRedis
from runtime.errors import AtlasError

_ROOT = Path(__file__).parent.parent.parent
_POLL_S = 0.1
# Name, module, and how long it may take to end.
_CHILDREN = (
    ("worker", "runtime.worker", 8.0),
    ("workload", "processors.demo.workload", 3.0),
)
_DASHBOARD_GRACE_S = 3.0
_STATUS_TIMEOUT_S = 30.0


class DemoError(AtlasError):
    """The demo cannot go on."""


@click.command()
@click.option("--seconds", type=click.FloatRange(1, 3_600), default=20, show_default=True,
              help="How long, without a terminal.")  # fmt: skip
@click.option("--headless", is_flag=True, help="No dashboard, even in a terminal.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True,
              help="Other numbers give other people and events.")  # fmt: skip
@click.option("--env", "show_env", is_flag=True,
              help="Print shell lines that point this terminal at the running demo.")  # fmt: skip
def main(seconds: float, seed: int, *, headless: bool, show_env: bool) -> None:
    """A private Redis, a worker, four busy gyms and the dashboard; nothing is left behind."""
    try:
        if show_env:
            click.echo(published(), nl=False)
            return
        interactive = is_interactive() and not headless
        code = run(seconds=None if interactive else seconds, seed=seed)
    except AtlasError as error:
        click.echo(f"demo: {error}", err=True)
        code = 1
    except Stopped as stopped:
        # As the shell would report it.
        code = 128 + stopped.number
    sys.exit(code)


def run(*, seconds: float | None, seed: int) -> int:
    """Run the demo: for some seconds, or with the dashboard until it is quit; the exit code.

    Raises:
        DemoError: a part of it ended by itself; with its last words.
        EmbeddedRedisError: Redis cannot be started.
    """
    with started(seed) as demo:
        if seconds is None:
            return _dashboard(demo)
        _watch(demo.children, seconds)
        return _report(demo)


@dataclass(frozen=True, slots=True)
class Demo:
    """What runs: where its files are, its settings, its programs."""

    directory: Path
    environment: dict[str, str]
    children: tuple[Child, ...]


@contextlib.contextmanager
def started(seed: int) -> Iterator[Demo]:
    """Redis, the worker and the workload, until the block is left or a signal ends it.

    Raises:
        EmbeddedRedisError: Redis cannot be started.
    """
    with Stopping() as stopping, ExitStack() as cleanup:
        try:
            with stopping.held():
                directory = Path(tempfile.mkdtemp(prefix="atlas-demo-"))
                cleanup.callback(shutil.rmtree, directory, ignore_errors=True)
                redis = cleanup.enter_context(EmbeddedRedis(directory / "redis"))
                environment = demo_environment(directory, redis.url, seed)
                children = _start(directory, environment, cleanup)
            yield Demo(directory, environment, children)
        finally:
            stopping.ignore()


def _start(directory: Path, environment: dict[str, str], cleanup: ExitStack) -> tuple[Child, ...]:
    address = Address(environment)
    cleanup.callback(address.withdraw)
    if address.publish():
        _say_how_to_join()
    children = []
    for name, module, grace_s in _CHILDREN:
        child = Child(name, module, directory=directory, environment=environment)
        cleanup.callback(child.stop, grace_s)
        children.append(child)
    return tuple(children)


def demo_environment(directory: Path, redis_url: str, seed: int) -> dict[str, str]:
    """The children's environment: ours without any setting, then those of the demo."""
    settings = {item.variable for item in Settings.reference(CrmSettings)} | {"NODE_ENV"}
    environment = {name: value for name, value in os.environ.items() if name not in settings}
    # The children's working directory is the demo's own, where no .env lies.
    paths = [str(_ROOT), environment.get("PYTHONPATH", "")]
    return environment | {
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        "REDIS_URL": redis_url,
        "DATABASE_URL": f"sqlite:///{directory / 'atlas.db'}",
        "ATLAS_ENV": "development",
        "QUEUE_PREFIX": "demo",
        "ATLAS_APPLICATION": "processors",
        "RQ_KEY_PREFIX": "rq:demo:processors",
        "EMAIL_SENDER": "simulated",
        "SMS_SENDER": "simulated",
        "WHATSAPP_SENDER": "simulated",
        "DEFAULT_FROM_EMAIL": "Atlas demo <demo@atlas.example>",
        "ATLAS_PROCESSES": "2",
        "ATLAS_SHUTDOWN_S": "3",
        "ATLAS_DEMO_SEED": str(seed),
    }


def _dashboard(demo: Demo) -> int:
    with restored():
        process = subprocess.Popen(
            [sys.executable, "-m", "tui"], cwd=demo.directory, env=demo.environment
        )
        try:
            code = process.wait()
        except BaseException:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_DASHBOARD_GRACE_S)
            process.kill()
            process.wait()
            raise
        if code != 0:
            raise DemoError(f"the dashboard ended with code {code}")
    _must_live(demo.children)
    return 0


def _watch(children: tuple[Child, ...], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        time.sleep(min(_POLL_S, left))
        _must_live(children)


def _must_live(children: tuple[Child, ...]) -> None:
    for child in children:
        if child.is_dead:
            raise DemoError(f"the {child.name} ended: {child.last_words()}")


def _report(demo: Demo) -> int:
    """The final status as a table, and what was delivered."""
    status = subprocess.run(
        [sys.executable, "-m", "runtime.cli", "status"],
        cwd=demo.directory,
        env=demo.environment,
        check=False,
        timeout=_STATUS_TIMEOUT_S,
    )
    database = connect(demo.environment["DATABASE_URL"])
    try:
        sent = count_messages(database, ("sent",))
        other = count_messages(database, ("rejected", "unknown"))
    finally:
        database.close()
    click.echo(f"\n{sent} messages delivered, {other} refused or without an answer")
    return status.returncode or int(sent == 0)


def _say_how_to_join() -> None:
    click.echo(
        "The demo is starting. To talk to it from another terminal:\n"
        f'  eval "$({sys.executable} -m processors.demo --env)"\n'
        "  atlas trigger lead_created --org org_harbour "
        '--data \'{"first_name": "Ana", "email": "ana@example.com", "score": 80}\'\n'
        "  atlas messages list --limit 5",
        err=True,
    )
