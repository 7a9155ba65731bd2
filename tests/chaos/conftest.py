"""Seeds, arenas and the final table of the tests of faults."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import pytest

from runtime.embedded.server import EmbeddedRedis
from tests.chaos.arena import Arena
from tests.chaos.atlas_arm import AtlasArm
from tests.chaos.oracle import Oracle
from tests.chaos.plan import FULL, SEEDS, SHORT_SEED, STEP_SEEDS, TIMEOUT_S
from tests.chaos.proxy import FlakyProxy
from tests.chaos.report import Row, table
from tests.runtime.conftest import broker, client, control, engine, raw, reader, worker

__all__ = ["broker", "client", "control", "engine", "raw", "reader", "worker"]

_PROPERTY = "chaos"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        slow = metafunc.definition.get_closest_marker("slow") is not None
        long = STEP_SEEDS if metafunc.module.__name__.endswith("test_steps") else SEEDS
        seeds = long if slow else [SHORT_SEED]
        metafunc.parametrize("seed", seeds, ids="seed{}".format)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == Path(__file__).parent and item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.timeout(TIMEOUT_S))


@pytest.fixture
def note(request: pytest.FixtureRequest) -> Callable[[Row], None]:
    """Puts a row into the table at the end."""

    def add(row: Row) -> None:
        print(f"\n{row}")
        if request.node.get_closest_marker("slow"):
            request.node.user_properties.append((_PROPERTY, asdict(row)))

    return add


MakeArena = Callable[..., Arena]


@pytest.fixture
def make_arena(
    tmp_path: Path, make_settings: Callable[..., Any], seed: int, note: Callable[[Row], None]
) -> Iterator[MakeArena]:
    """Makes an arena with a Redis and started workers, of either arm."""
    with ExitStack() as stack:

        def make(
            arm: str = "atlas",
            *,
            appendfsync: Literal["always", "everysec"] = "always",
            through_proxy: bool = False,
            started: bool = True,
            **options: Any,
        ) -> Arena:
            oracle = Oracle(tmp_path / "oracle.db")
            server = stack.enter_context(EmbeddedRedis(tmp_path / "redis", appendfsync=appendfsync))
            url = server.url
            proxy = None
            if through_proxy:
                # Entered before the workers and left after them: they end by asking Redis.
                proxy = stack.enter_context(FlakyProxy(server.url, seed))
                url, options["direct_url"] = proxy.url, server.url
            if arm == "rq":
                from tests.chaos.rq_arm import RqArm  # RQ is slow to import

                made: Any = RqArm(url, oracle.path, **options)
            else:
                made = AtlasArm(make_settings, url, oracle.path, **options)
            stack.callback(made.stop)
            if started:
                made.start()
            return Arena(made, server, oracle, seed, note, proxy)

        yield make


def pytest_terminal_summary(terminalreporter: Any) -> None:
    rows = [
        Row(**value)
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        for name, value in report.user_properties
        if name == _PROPERTY and report.when == "call"
    ]
    if rows:
        size = "full figures" if FULL else "default figures"
        terminalreporter.section(f"faults, {size}; ATLAS_CHAOS_SEED={','.join(map(str, SEEDS))}")
        for line in table(rows):
            terminalreporter.write_line(line)
