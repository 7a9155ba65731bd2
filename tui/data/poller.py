"""Reads in the background: one snapshot a tick, and what the visible screen wants beside it."""

from collections.abc import Callable

from tui.data.background import Background, Outcome, attempt
from tui.data.model import (
    Answer,
    EventPage,
    EventsRequest,
    JobRequest,
    Reading,
    RecurringPage,
    RecurringRequest,
    Request,
)
from tui.data.source import Reads


class Poller:
    """Asks the source in the background and delivers readings.

    A tick is dropped while the last reading is under way: a slow Redis is asked less often.
    `tick` and `fetch` belong to the caller's thread, `deliver` is called in the background
    one, and `delivered` must be called for every reading.
    """

    def __init__(self, reads: Reads, deliver: Callable[[Reading], None]) -> None:
        self._reads = reads
        self._deliver = deliver
        self._background = Background("atlas-dash-reader")
        self._busy = False
        self._next: Request | None = None

    @property
    def busy(self) -> bool:
        """True while a reading is under way."""
        return self._busy

    def tick(self, request: Request | None) -> None:
        """Read a snapshot and what the screen wants, unless the last reading is still running."""
        if not self._busy:
            self._start(request, with_snapshot=True)

    def fetch(self, request: Request) -> None:
        """Read what the screen wants now; of those that came meanwhile only the last is read."""
        if self._busy:
            self._next = request
        else:
            self._start(request, with_snapshot=False)

    def delivered(self) -> None:
        """The last reading has arrived; goes on with what was wanted meanwhile."""
        self._busy = False
        if self._next is not None:
            request, self._next = self._next, None
            self._start(request, with_snapshot=False)

    def stop(self) -> None:
        """Read no more."""
        self._background.stop()

    def _start(self, request: Request | None, *, with_snapshot: bool) -> None:
        self._busy = True
        self._background.submit(
            lambda: self._read(request, with_snapshot=with_snapshot), self._done
        )

    def _done(self, outcome: Outcome[Reading]) -> None:
        self._deliver(outcome.value or Reading(error=outcome.error))

    def _read(self, request: Request | None, *, with_snapshot: bool) -> Reading:
        snapshot = None
        if with_snapshot:
            outcome = attempt(self._reads.snapshot)
            if outcome.value is None:
                return Reading(request=request, error=outcome.error)
            snapshot = outcome.value
            if not snapshot.redis.ok:
                return Reading(request=request, error=snapshot.redis.error or "Redis is not ready")
        if request is None:
            return Reading(snapshot=snapshot)
        detail = attempt(lambda: self._answer(request))
        return Reading(
            snapshot=snapshot, request=request, detail=detail.value, detail_error=detail.error
        )

    def _answer(self, request: Request) -> Answer:
        reads = self._reads
        match request:
            case JobRequest(job_id):
                return reads.job(job_id)
            case EventsRequest(after, limit):
                return EventPage(reads.events(limit=limit, after=after))
            case RecurringRequest(chosen):
                runs = reads.recurring_runs(chosen) if chosen else ()
                return RecurringPage(reads.recurring(), chosen, runs)
        return reads.page(
            request.queue,
            request.state,
            offset=request.offset,
            limit=request.limit,
            search=request.search,
        )
