"""Warm child processes: started when a job waits for one, used again, killed for what they did.

A child is a fresh interpreter (no fork: no inherited locks), leads its own session and dies with
this process. It runs one job at a time and says after each whether it is as it was before
(`runtime.worker.attempt.child_state`). Jobs of one worker share children: all of them passed the
same list of allowed functions, or are of the same application.
"""

import asyncio
import contextlib
import os
import signal
import time
from collections import deque
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import structlog

from runtime.worker.attempt.frames import MAX_ANSWER_BYTES, packed, receive
from runtime.worker.system.child_command import child_command, child_environment

log = structlog.get_logger("atlas.worker")

_CORES = os.cpu_count() or 1
# A job waits so long for a busy child before another one is started: short jobs share children,
# long ones each get their own.
_PATIENCE_S = 0.2
_START_S = 60.0
# How long a child may take to put back what its last job changed.
_RESET_S = 5.0
_IDLE_S = 60.0
# What a child wrote before it ended is in the pipe already.
_LAST_WORDS_S = 1.0


class ChildEndedError(Exception):
    """A child process ended, or had to be killed, without an answer."""

    def __init__(self, code: int | None, *, starting: bool = False) -> None:
        if code is None:
            how = "no answer in time"
        else:
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
        when = "before it was ready" if starting else "without an answer"
        super().__init__(f"the child process ended {when} ({how})")


class Child:
    """One child process, seen from the worker."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._exited = asyncio.create_task(process.wait())
        self.pid = process.pid
        self.jobs = 0

    @classmethod
    async def start(cls) -> Self:
        """A child that is ready for its first request.

        Raises:
            ChildEndedError: it did not become ready.
            OSError: it could not be started.
        """
        process = await asyncio.create_subprocess_exec(
            *child_command("runtime.worker.attempt.isolated_child", str(os.getpid())),
            env=child_environment(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
        )  # fmt: skip
        child = cls(process)
        ready = None
        try:
            ready = await child.hear(_START_S)
        finally:
            if ready is None:
                await child.end()
        if ready is None:
            raise ChildEndedError(process.returncode, starting=True)
        return child

    @property
    def alive(self) -> bool:
        """Whether it still runs: asked of the kernel, the event loop learns of an end later."""
        if self._process.returncode is not None:
            return False
        try:
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
        except ChildProcessError:
            return False

    async def ask(self, body: bytes) -> bytes:
        """Send a request and return the answer.

        Raises:
            ChildEndedError: it ended before it had answered.
        """
        assert self._process.stdin is not None
        with contextlib.suppress(ConnectionError):  # how it ended says more
            self._process.stdin.write(packed(body))
            await self._process.stdin.drain()
        answer = await self.hear()
        if answer is None:
            await self.end()
            raise ChildEndedError(self._process.returncode)
        return answer

    async def hear(self, timeout_s: float | None = None) -> bytes | None:
        """Its next message; None when it ended without one, or said nothing for so long."""
        assert self._process.stdout is not None
        message = asyncio.ensure_future(
            receive(self._process.stdout, max_bytes=2 * MAX_ANSWER_BYTES)
        )
        try:
            await asyncio.wait(
                (message, self._exited), timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED
            )
            if self._exited.done():
                # Not for ever: a process that its job left behind may hold the pipe open.
                await asyncio.wait((message,), timeout=_LAST_WORDS_S)
            return message.result() if message.done() else None
        finally:
            message.cancel()

    async def end(self) -> None:
        """Kill it and what it started, and wait for its end."""
        if self.alive:
            descendants = _descendants(self.pid)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            for pid in descendants:  # those that left its process group
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
        await asyncio.wait((self._exited,))


class Children:
    """The children of one worker process.

    Args:
        jobs_each: jobs after which a child is replaced.
    """

    def __init__(self, *, jobs_each: int) -> None:
        self._jobs_each = jobs_each
        self._idle: list[Child] = []
        self._waiting: deque[tuple[float, asyncio.Future[Child]]] = deque()
        self._all: set[Child] = set()
        self._starting = 0
        self._work: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def one(self) -> AsyncIterator[Child]:
        """A child for one job; an error or a cancellation inside kills it.

        Raises:
            ChildEndedError: none could be started.
        """
        child = await self._take()
        child.jobs += 1
        try:
            yield child
        except BaseException:
            await self._end(child)
            raise
        self._in_background(self._after_job(child))

    async def close(self) -> None:
        """Kill all of them."""
        for task in self._work:
            task.cancel()
        for _, future in self._waiting:
            future.cancel()
        if self._work:
            await asyncio.wait(self._work)
        for child in list(self._all):
            await self._end(child)

    async def _take(self) -> Child:
        while self._idle:
            child = self._idle.pop()
            if child.alive:
                return child
            await self._end(child)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Child] = loop.create_future()
        self._waiting.append((time.monotonic(), future))
        if self._all or self._starting:
            loop.call_later(_PATIENCE_S, self._start_if_needed)
        else:
            self._start()
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None:
                self._offer(future.result())  # given to us at the very moment
            raise

    def _offer(self, child: Child) -> None:
        """Hand it to the job that waits longest; else keep it a while, unless enough are idle."""
        while self._waiting:
            _, future = self._waiting.popleft()
            if not future.done():
                future.set_result(child)
                return
        if len(self._idle) >= _CORES:
            self._in_background(self._end(child))
            return
        self._idle.append(child)
        loop = asyncio.get_running_loop()
        loop.call_later(_IDLE_S, self._end_if_unused, child, child.jobs)

    async def _after_job(self, child: Child) -> None:
        said = await child.hear(_RESET_S)
        if said == b"" and child.jobs < self._jobs_each:
            self._offer(child)
            return
        if said:
            log.debug("child process replaced", reason=said.decode("utf-8", "replace"))
        await self._end(child)

    def _end_if_unused(self, child: Child, jobs: int) -> None:
        if child.jobs == jobs and child in self._idle:
            self._idle.remove(child)
            self._in_background(self._end(child))

    async def _end(self, child: Child) -> None:
        try:
            await child.end()
        finally:
            self._all.discard(child)
            self._start_if_needed()

    def _start_if_needed(self) -> None:
        """Start one for a job that has waited too long; at most one for each core at a time."""
        while self._waiting and self._waiting[0][1].done():
            self._waiting.popleft()
        if not self._waiting or self._starting >= _CORES:
            return
        if not self._all or time.monotonic() - self._waiting[0][0] >= _PATIENCE_S * 0.9:
            self._start()

    def _start(self) -> None:
        self._starting += 1
        self._in_background(self._started())

    async def _started(self) -> None:
        try:
            child = await Child.start()
        except (ChildEndedError, OSError) as error:
            while self._waiting:
                _, future = self._waiting.popleft()
                if not future.done():
                    future.set_exception(error)
                    break
        else:
            self._all.add(child)
            self._offer(child)
        finally:
            self._starting -= 1
        self._start_if_needed()

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)


def _descendants(pid: int) -> list[int]:
    """Processes below `pid`, as Linux lists them (proc(5), task/[tid]/children); else none."""
    found: list[int] = []
    ask = [pid]
    while ask:
        for path in Path(f"/proc/{ask.pop()}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                children = [int(child) for child in path.read_text("ascii").split()]
                found += children
                ask += children
    return found
