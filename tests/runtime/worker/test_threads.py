import asyncio
import contextvars
import threading
import time

import pytest

from runtime.worker.attempt.threads import HandlerThreads


async def test_value_and_error_come_back() -> None:
    threads = HandlerThreads(1, lambda: None)
    assert await threads.run(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        await threads.run(lambda: 1 // 0)
    threads.close()


async def test_a_timeout_interrupts_code_that_swallows_exceptions() -> None:
    threads = HandlerThreads(1, lambda: None)
    ended = threading.Event()

    def stubborn() -> None:
        try:
            while True:
                try:
                    time.sleep(0.005)
                except Exception:
                    continue
        finally:
            ended.set()

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await threads.run(stubborn)
    assert ended.is_set(), "the cancellation is raised only once the thread has ended"
    # The same thread serves the next job unharmed.
    assert [await threads.run(lambda: 1) for _ in range(50)] == [1] * 50
    threads.close()


async def test_a_thread_that_cannot_be_stopped_is_reported_once() -> None:
    reports: list[int] = []
    release = threading.Event()
    threads = HandlerThreads(1, lambda: reports.append(1), grace_s=0.02)

    def in_c_code() -> None:
        release.wait(60)  # waits in C: an asynchronous exception is delivered when it returns

    task = asyncio.create_task(threads.run(in_c_code))
    await asyncio.sleep(0)
    async with asyncio.timeout(60):
        while not reports:
            task.cancel()
            await asyncio.wait([task], timeout=0.05)
        release.set()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert reports == [1]
    threads.close()


async def test_a_thread_knows_the_context_of_its_job() -> None:
    threads = HandlerThreads(2, lambda: None)
    name: contextvars.ContextVar[str] = contextvars.ContextVar("name", default="")
    name.set("job 1")
    assert await threads.run(name.get) == "job 1"
    await threads.run(lambda: name.set("of the handler"))
    assert name.get() == "job 1"
    threads.close()
