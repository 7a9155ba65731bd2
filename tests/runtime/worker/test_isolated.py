"""The children of isolated handlers: what counts as their answer, and what a kill reaches."""

import asyncio
import os

import pytest

from runtime.worker.attempt.isolated import ChildError, IsolatedRequest, _read, run_isolated
from tests.runtime.conftest import running

MODULE = "runtime.worker.attempt.isolated_child"


@pytest.mark.parametrize("code", [0, 1, -9, -15])
def test_an_answer_counts_however_the_child_ended_after_it(code: int) -> None:
    assert _read(b'{"value":5}', code) == 5


@pytest.mark.parametrize(
    ("reply", "code", "how"),
    [
        (b"", 0, "exit code 0"),
        (b"", -9, "signal 9"),
        (b'{"value":', -9, "signal 9"),
        (b"[]", 3, "exit code 3"),
    ],
)
def test_half_an_answer_is_none(reply: bytes, code: int, how: str) -> None:
    with pytest.raises(ChildError) as error:
        _read(reply, code)
    assert how in error.value.remote.message


async def test_a_stop_at_any_moment_kills_the_child_and_nobody_else() -> None:
    """Also while there is no child yet: no signal goes to a process group of ours."""
    started = 0
    for turns in range(8):
        task = asyncio.create_task(run_isolated(IsolatedRequest("j", stock=True)))
        for _ in range(turns):
            await asyncio.sleep(0)
        started += len(running(os.getpid(), MODULE))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert running(os.getpid(), MODULE) == [], f"stopped after {turns} turns of the loop"
    assert 0 < started < 8
