"""What running handlers say of themselves (progress, log lines), written in batches."""

import threading
from dataclasses import dataclass, field

from pydantic_core import to_json

from runtime.broker.async_broker import AsyncBroker
from runtime.broker.broker import Broker
from runtime.broker.calls.call import Call
from runtime.broker.calls.finish import write_progress
from runtime.errors import AtlasError

_LINES_KEPT = 100
_MAX_LINE = 500
# As long as failed jobs are kept in production, so that their log is there to be read.
_KEPT_S = 259_200
FLUSH_S = 0.5


@dataclass(slots=True)
class _Note:
    job_id: str
    progress: str = ""
    lines: list[str] = field(default_factory=list)


class Notes:
    """Collects notes from any thread; `flush` sends them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_execution: dict[str, _Note] = {}

    def progress(
        self, job_id: str, execution: str, done: float, total: float, message: str
    ) -> None:
        """Note how far a job is."""
        told = {"done": float(done), "total": float(total), "message": _line(message)}
        with self._lock:
            self._of(job_id, execution).progress = to_json(told).decode()

    def log(self, job_id: str, execution: str, line: str) -> None:
        """Note a line."""
        with self._lock:
            lines = self._of(job_id, execution).lines
            lines.append(_line(line))
            # What could never be kept need not be sent.
            del lines[:-_LINES_KEPT]

    def take(self) -> Call[int] | None:
        """The call that writes what was noted since the last one; None when nothing was."""
        if not self._by_execution:
            return None
        with self._lock:
            notes, self._by_execution = self._by_execution, {}
        rows = [
            (note.job_id, execution, note.progress, note.lines) for execution, note in notes.items()
        ]
        return write_progress(rows, lines_kept=_LINES_KEPT, kept_s=_KEPT_S)

    def _of(self, job_id: str, execution: str) -> _Note:
        return self._by_execution.setdefault(execution, _Note(job_id))


class NoteWriter:
    """Writes the notes of a worker process. They are told, not promised: an outage loses some."""

    def __init__(self, broker: AsyncBroker, notes: Notes) -> None:
        self._broker = broker
        self._notes = notes

    async def flush(self) -> None:
        """Write what there is.

        Raises:
            BrokerUnavailableError: Redis is away; these notes are lost.
        """
        if (call := self._notes.take()) is not None:
            await self._broker.run(call)


class ChildNotes(Notes):
    """Notes of an isolated handler's child process: each is written at once."""

    def __init__(self, broker: Broker) -> None:
        super().__init__()
        self._broker = broker

    def progress(
        self, job_id: str, execution: str, done: float, total: float, message: str
    ) -> None:
        """Write how far a job is."""
        super().progress(job_id, execution, done, total, message)
        self._write()

    def log(self, job_id: str, execution: str, line: str) -> None:
        """Write a line."""
        super().log(job_id, execution, line)
        self._write()

    def _write(self) -> None:
        if (call := self.take()) is not None:
            try:
                self._broker.run(call)
            except AtlasError:
                return  # a handler is not to fail for what it says of itself


def _line(text: str) -> str:
    # Lone surrogates could not be written as JSON.
    return " ".join(str(text).split())[:_MAX_LINE].encode("utf-8", "replace").decode()
