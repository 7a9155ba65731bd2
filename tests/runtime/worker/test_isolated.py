"""The children of isolated jobs: what counts as an answer, what a kill reaches, what stays warm."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis
from rq import Queue
from rq.serializers import JSONSerializer

from runtime.config.settings import Settings
from runtime.worker.attempt.children import Child, ChildEndedError, Children
from runtime.worker.attempt.isolated import ChildError, read_answer, value_of
from tests.runtime import stock_functions
from tests.runtime.conftest import running, wait_until
from tests.runtime.drive import PLAIN

MODULE = "runtime.worker.attempt.isolated_child"
HERE = stock_functions.__name__


@pytest.fixture
async def children(
    engine: Settings, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Children]:
    monkeypatch.setenv("REDIS_URL", redis_url)
    monkeypatch.setenv("RQ_KEY_PREFIX", "rq")
    monkeypatch.setenv("ATLAS_ENV", "test")
    monkeypatch.setenv("ATLAS_APPLICATION", engine.application)
    monkeypatch.setenv("ATLAS_ALLOWED_FUNCTIONS", HERE)
    children = Children(jobs_each=100)
    yield children
    await children.close()
    assert running(os.getpid(), MODULE) == [], "none outlives its worker"


async def ask(child: Child, raw: redis.Redis, function: str, *arguments: object) -> bytes:
    job = Queue(PLAIN, connection=raw, serializer=JSONSerializer).enqueue(
        f"{HERE}.{function}", *arguments
    )
    request = {"run": "stock", "job_id": job.id, "attempt": 1}
    return await child.ask(json.dumps(request).encode())


async def perform(children: Children, raw: redis.Redis, function: str, *arguments: object) -> Any:
    """When nothing is under way: however slow the machine is, one child is enough."""
    await until(lambda: not children._work)
    return await run(children, raw, function, *arguments)


async def run(children: Children, raw: redis.Redis, function: str, *arguments: object) -> Any:
    async with children.one() as child:
        answer = await ask(child, raw, function, *arguments)
    return value_of(read_answer(answer))


async def until(condition: Callable[[], object]) -> None:
    for _ in range(5_000):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it did not come about")


def is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


async def until_gone(pid: int) -> None:
    await until(lambda: is_gone(pid))


@pytest.mark.parametrize("reply", [b"", b'{"value":', b"[]"])
def test_half_an_answer_is_none(reply: bytes) -> None:
    with pytest.raises(ChildError, match="what is no answer"):
        read_answer(reply)


async def test_an_answer_counts_however_the_child_ended_after_it(
    children: Children, raw: redis.Redis
) -> None:
    assert await perform(children, raw, "add", 2, 3) == 5
    async with children.one() as child:
        answer = await ask(child, raw, "add", 2, 3)
        psutil.Process(child.pid).kill()
    await until_gone(child.pid)
    assert value_of(read_answer(answer)) == 5
    assert await perform(children, raw, "add", 2, 3) == 5


async def test_jobs_take_turns_in_one_child(children: Children, raw: redis.Redis) -> None:
    pids = {await perform(children, raw, "pid") for _ in range(5)}
    many = await asyncio.gather(*(run(children, raw, "pid") for _ in range(20)))
    assert len(pids) == 1
    assert len(set(many)) < 20


@pytest.mark.parametrize(("how", "told"), [("_exit", "exit code 3"), ("crash", "signal 11")])
async def test_a_job_that_ends_its_process_costs_only_itself(
    children: Children, raw: redis.Redis, how: str, told: str
) -> None:
    with pytest.raises(ChildEndedError, match=told):
        await perform(children, raw, "end", how)
    assert await perform(children, raw, "add", 1, 1) == 2


async def test_sys_exit_is_an_error_of_its_job(children: Children, raw: redis.Redis) -> None:
    pid = await perform(children, raw, "pid")
    with pytest.raises(ChildError) as error:
        await perform(children, raw, "end", "exit")
    assert error.value.remote.error_class == "SystemExit"
    assert await perform(children, raw, "pid") == pid, "and its child goes on"


async def test_a_fork_that_comes_back_answers_once(children: Children, raw: redis.Redis) -> None:
    await perform(children, raw, "end", "fork")
    assert await perform(children, raw, "add", 1, 2) == 3
    assert await perform(children, raw, "add", 1, 3) == 4


@pytest.mark.parametrize(
    "what",
    ["directory", "environment", "signals", "streams", "path", "seed", "umask", "locale"],
)
async def test_what_a_job_changed_is_put_back(
    children: Children, raw: redis.Redis, what: str
) -> None:
    before = await perform(children, raw, "state")
    pid = await perform(children, raw, "change", what)
    assert await perform(children, raw, "state") == before
    assert await perform(children, raw, "pid") == pid, "by the same child"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, adopts orphans")
@pytest.mark.parametrize(
    "what", ["thread", "process", "daemon", "output", "nice", "memory", "files"]
)
async def test_what_cannot_be_put_back_costs_the_child(
    children: Children, raw: redis.Redis, what: str
) -> None:
    before = await perform(children, raw, "state")
    pid = await perform(children, raw, "change", what)
    left = psutil.Process(pid).children(recursive=True)
    assert await perform(children, raw, "state") == before
    assert await perform(children, raw, "pid") != pid
    for process in left:
        await until_gone(process.pid)


async def test_a_child_is_replaced_after_its_jobs(children: Children, raw: redis.Redis) -> None:
    children._jobs_each = 2
    pids = [await perform(children, raw, "pid") for _ in range(4)]
    assert pids[0] == pids[1] != pids[2] == pids[3]


async def test_a_stop_at_any_moment_kills_the_child_that_runs_the_job_and_nobody_else(
    children: Children, raw: redis.Redis, tmp_path: Path
) -> None:
    """Also while there is no child yet: no signal goes to a process group of ours."""
    for number, pause_s in enumerate((0, 0, 0.001, 0.005, 0.02, 0.1)):
        path = tmp_path / str(number)
        task = asyncio.create_task(run(children, raw, "tell_and_hang", str(path)))
        await asyncio.sleep(pause_s)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        begun = path.exists()
        assert await perform(children, raw, "add", 1, 1) == 2
        assert path.exists() == begun, "what was stopped before it began never begins"
    path = tmp_path / "begun"
    task = asyncio.create_task(run(children, raw, "tell_and_hang", str(path)))
    await until(lambda: path.exists() and path.read_text())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until_gone(int(path.read_text()))
    assert await perform(children, raw, "add", 1, 1) == 2


async def test_a_child_that_ended_while_idle_is_not_given_a_job(
    children: Children, raw: redis.Redis
) -> None:
    pid = await perform(children, raw, "pid")
    await until(lambda: children._idle)
    psutil.Process(pid).kill()
    await until_gone(pid)
    assert await perform(children, raw, "add", 3, 4) == 7


def test_idle_children_end_with_a_worker_that_was_killed(
    raw: redis.Redis, worker: Any, tmp_path: Path
) -> None:
    Queue(PLAIN, connection=raw, serializer=JSONSerializer).enqueue(
        f"{HERE}.touch", str(tmp_path / "done")
    )
    process = worker.start_process()
    wait_until((tmp_path / "done").exists)
    idle = running(process.pid, MODULE)
    assert idle
    process.kill()
    process.wait()
    wait_until(lambda: not any(c.is_running() and c.status() != "zombie" for c in idle))
