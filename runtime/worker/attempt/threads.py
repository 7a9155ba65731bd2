"""Runs plain functions in threads, with time-outs that interrupt them."""

import asyncio
import contextvars
import ctypes
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any


class HandlerInterrupted(BaseException):
    """Raised inside a handler's thread; a BaseException so that `except Exception` lets it pass."""


class HandlerTimeoutError(Exception):
    """The handler ran longer than its kind allows."""


class _Invocation:
    """One call in a thread, interruptible while it runs and only then."""

    def __init__(self, function: Callable[[], Any]) -> None:
        # The handler's thread sees the context variables of its attempt: log fields, trace.
        context = contextvars.copy_context()
        self._function: Callable[[], Any] = partial(context.run, function)
        self._lock = threading.Lock()
        self._thread: int | None = None
        self._interrupted = False

    def __call__(self) -> Any:
        with self._lock:
            if self._interrupted:
                raise HandlerTimeoutError("interrupted before it started")
            self._thread = threading.get_ident()
        try:
            return self._function()
        except HandlerInterrupted:
            raise HandlerTimeoutError("interrupted") from None
        except StopIteration as error:
            # No asyncio future takes one (before Python 3.12 whoever awaits it waits for ever).
            raise RuntimeError("the handler raised StopIteration") from error
        finally:
            with self._lock:
                # An interrupt that was set but not yet delivered must not hit the next job here.
                ident, self._thread = self._thread, None
                _set_async_exception(ident, None)

    def interrupt(self) -> None:
        with self._lock:
            self._interrupted = True
            if self._thread is not None:
                _set_async_exception(self._thread, HandlerInterrupted)


def _set_async_exception(ident: int | None, kind: type[BaseException] | None) -> None:
    # https://docs.python.org/3/c-api/init.html#c.PyThreadState_SetAsyncExc: takes effect when the
    # thread next runs Python code; a thread inside a C call is interrupted when that returns.
    if ident is not None:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(ident), ctypes.py_object(kind) if kind else None
        )


class HandlerThreads:
    """A pool of `size` threads for handlers.

    Args:
        size: number of threads.
        on_stuck: called once for a thread that does not end within `grace_s` of its interrupt
            (it sits in a C call): only the end of the process gets rid of it.
        grace_s: seconds.
    """

    def __init__(self, size: int, on_stuck: Callable[[], None], *, grace_s: float = 10.0) -> None:
        self._pool = ThreadPoolExecutor(size, thread_name_prefix="handler")
        self._on_stuck = on_stuck
        self._grace_s = grace_s

    async def run(self, function: Callable[[], Any]) -> Any:
        """The function's value.

        When the awaiting task is cancelled, the thread is interrupted, and the cancellation is
        only raised once the thread has ended: a slot is never reused while its thread still works.
        """
        invocation = _Invocation(function)
        future = asyncio.get_running_loop().run_in_executor(self._pool, invocation)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            invocation.interrupt()
            await self._ended(future, invocation)
            raise

    async def _ended(self, future: "asyncio.Future[Any]", invocation: _Invocation) -> None:
        reported = False
        while not future.done():
            try:
                await asyncio.wait([future], timeout=self._grace_s)
            except asyncio.CancelledError:
                invocation.interrupt()
                continue
            if not future.done() and not reported:
                reported = True
                self._on_stuck()
        future.exception()  # retrieved: asyncio would warn of an exception that nobody looked at

    def close(self) -> None:
        """Let the threads end; does not wait for them."""
        self._pool.shutdown(wait=False, cancel_futures=True)
