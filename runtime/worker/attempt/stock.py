"""Runs the jobs of stock RQ producers in child processes, and their callbacks after them."""

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import structlog

from runtime.context import ProgressSink
from runtime.stock.job import RefusedError
from runtime.worker.attempt.children import Child, ChildEndedError, Children
from runtime.worker.attempt.isolated import ChildError, read_answer, value_of
from runtime.worker.attempt.verdict import StockRetry
from runtime.worker.claiming.held_jobs import Running

log = structlog.get_logger("atlas.worker")

# The child itself stops a callback at RQ's own time-out; this is for one that cannot be stopped so.
_LEEWAY_S = 5.0
# Of a callback whose job's own child was killed, the time-out is known to the next child only.
_LONGEST_CALLBACK_S = 600.0


class StockJobs:
    """Runs the stock jobs of one worker process.

    Args:
        sink: takes lines for a job's own log, such as that its callback failed.
    """

    def __init__(self, children: Children, sink: ProgressSink) -> None:
        self._children = children
        self._sink = sink
        self._stopping: set[asyncio.Task[None]] = set()

    async def run(self, running: Running, begun: Callable[[], None]) -> Any:
        """The value of a job's function, after its callback was called.

        Args:
            running: the attempt. Its time-out ends with the function; a callback has its own.
            begun: called when there is a child for it.

        Raises:
            RefusedError: the job can never run here.
            StockRetry: the function asks to be run again.
            ChildError: it raised, or its child ended without an answer.
        """
        try:
            async with self._children.one() as child:
                begun()
                answer = read_answer(await child.ask(_request("stock", running)))
                running.times_out_at = float("inf")
                await self._call_back(child, running, answer)
        except (ChildEndedError, OSError) as error:
            await self._call_elsewhere("failure", running, "ChildProcessDied", str(error))
            raise ChildError.of_end(error) from None
        except asyncio.CancelledError:
            if running.lost:
                # Canceled while it ran, perhaps. Not awaited: a lost job must end before its lease.
                task = asyncio.create_task(self._call_elsewhere("stopped", running))
                self._stopping.add(task)
                task.add_done_callback(self._stopping.discard)
            elif running.timed_out:
                told = "the job ran longer than its time-out"
                await self._call_elsewhere("failure", running, "HandlerTimeoutError", told)
            raise
        if "refused" in answer:
            raise RefusedError(answer["refused"])
        if "again_s" in answer:
            raise StockRetry(timedelta(seconds=answer["again_s"]), reason="it returned a Retry")
        return value_of(answer)

    async def _call_back(self, child: Child, running: Running, answer: Mapping[str, Any]) -> None:
        """In the job's own child. Whatever comes of it changes nothing of how the job ended."""
        if "callback" not in answer:
            return
        name = str(answer["callback"])
        try:
            async with asyncio.timeout(answer["callback_s"] + _LEEWAY_S):
                told = read_answer(await child.ask(_request(name, running)))
        except (ChildEndedError, ChildError) as error:
            self._complain(name, running, str(error))
        except TimeoutError:
            self._complain(name, running, "it did not end in time and was killed")
            await child.end()
        except asyncio.CancelledError:
            # The function has returned: its job must not be released because of the callback.
            self._complain(name, running, "it was stopped with its worker")
            await child.end()
        else:
            self._complain(name, running, _error_in(told))

    async def _call_elsewhere(
        self, name: str, running: Running, error_class: str = "", message: str = ""
    ) -> None:
        """In another child: the job's own was killed."""
        with contextlib.suppress(ChildEndedError, ChildError, OSError, TimeoutError):
            async with self._children.one() as child, asyncio.timeout(_LONGEST_CALLBACK_S):
                request = _request(name, running, error_class, message)
                self._complain(name, running, _error_in(read_answer(await child.ask(request))))

    def _complain(self, name: str, running: Running, problem: str) -> None:
        if problem:
            job = running.job
            log.warning("callback failed", job=job.id, callback=f"on_{name}", error=problem)
            self._sink.log(job.id, job.execution, f"on_{name} failed: {problem}")


def _request(name: str, running: Running, error_class: str = "", message: str = "") -> bytes:
    job = running.job
    fields = {"run": name, "job_id": job.id, "attempt": job.attempt}
    return json.dumps({**fields, "error_class": error_class, "message": message}).encode()


def _error_in(answer: Mapping[str, Any]) -> str:
    if "error_class" in answer:
        return f"{answer['error_class']}: {answer['message']}"
    return str(answer.get("refused", ""))
