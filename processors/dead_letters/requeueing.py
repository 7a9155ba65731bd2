"""Requeueing the jobs of open dead letters, in chunks that may be interrupted.

A job that Redis still keeps is retried there. One that it no longer keeps is enqueued from the
stored payload under its own id: the ledger of messages knows by that id what was sent already, and
a second call finds the job there.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import and_, or_, select, update

from processors.database.engine import Database
from processors.database.models import StoredDeadLetter, utc_now
from processors.dead_letters.reading import Choice, is_open
from runtime.catalogue.catalogue import Catalogue
from runtime.client import AtlasClient, NewJob
from runtime.control.control import Control
from runtime.errors import InvalidJobError
from runtime.jobs.payload import validate_payload

CHUNK = 500


@dataclass(slots=True)
class Tally:
    """What became of the jobs so far.

    Attributes:
        retried: Redis kept them; they wait again.
        anew: Redis kept them no longer; they were enqueued from the stored payload.
        skipped: gone without a payload that could be enqueued, or in another state than failed.
    """

    retried: int = 0
    anew: int = 0
    skipped: int = 0
    problems: dict[str, None] = field(default_factory=dict)

    @property
    def done(self) -> int:
        """Jobs that were requeued."""
        return self.retried + self.anew

    @property
    def total(self) -> int:
        """All that were looked at."""
        return self.done + self.skipped

    def words(self) -> str:
        """As one line."""
        text = f"{self.done:,} {'job' if self.done == 1 else 'jobs'} waiting again"
        if self.anew:
            text += f" ({self.anew:,} of them enqueued anew)"
        if self.skipped:
            text += f", {self.skipped:,} skipped (gone or in another state)"
        return text


class Requeuer:
    """Blocking. Repeating what was interrupted goes on where it ended.

    Args:
        reason: why, for the audit.
    """

    def __init__(
        self,
        database: Database,
        catalogue: Catalogue,
        control: Control,
        client: AtlasClient,
        *,
        reason: str,
    ) -> None:
        self._database = database
        self._catalogue = catalogue
        self._control = control
        self._client = client
        self._reason = reason

    def requeue(
        self, choice: Choice, *, go_on: Callable[[Tally], bool] = lambda _tally: True
    ) -> Tally:
        """Requeue what is open of a choice; `go_on` is asked after each chunk of 500.

        Raises:
            DatabaseUnavailableError: the database did not answer; chunks before are done.
            BrokerUnavailableError: Redis is away; chunks before are done.
        """
        tally = Tally()
        for chunk in self._chunks(choice):
            self._requeue_chunk(chunk, tally)
            if not go_on(tally):
                break
        return tally

    def _chunks(self, choice: Choice) -> Iterator[list[StoredDeadLetter]]:
        """Open letters, oldest first. What stays open (skipped) is passed only once."""
        table = StoredDeadLetter
        after: tuple[datetime, str] | None = None
        while True:
            query = select(table).where(is_open(), *choice.conditions())
            if after is not None:
                died_at, ident = after
                later = and_(table.died_at == died_at, table.id > ident)
                query = query.where(or_(table.died_at > died_at, later))
            with self._database.read() as session:
                chunk = list(session.scalars(query.order_by(table.died_at, table.id).limit(CHUNK)))
            if chunk:
                yield chunk
                after = (chunk[-1].died_at, chunk[-1].id)
            if len(chunk) < CHUNK:
                return

    def _requeue_chunk(self, chunk: list[StoredDeadLetter], tally: Tally) -> None:
        # A job that died several times has several letters; the newest tells most of it.
        letters = {letter.job_id: letter for letter in chunk}
        jobs = {job_id: self._job(letter, tally) for job_id, letter in letters.items()}
        whole = {job_id: job for job_id, job in jobs.items() if job is not None}
        closed = [job_id for job_id in jobs if job_id not in whole and self._retry([job_id])]
        tally.retried += len(closed)
        tally.skipped += len(jobs) - len(whole) - len(closed)
        if whole:
            retried = self._retry(list(whole))
            anew, refused = self._enqueue(whole, tally)
            tally.retried += retried
            tally.anew += anew
            tally.skipped += len(whole) - retried - anew
            # Also those that were in another state: they were requeued meanwhile.
            closed += [job_id for job_id in whole if job_id not in refused]
        self._close(closed, chunk[-1].died_at)

    def _job(self, letter: StoredDeadLetter, tally: Tally) -> NewJob | None:
        """The job made again, or None when what is stored does not suffice."""
        if letter.payload is None:
            return None
        try:
            validate_payload(self._catalogue.kind(letter.kind), letter.payload)
        except InvalidJobError as error:
            tally.problems[str(error)] = None
            return None
        return NewJob(letter.kind, letter.org_id, letter.payload, job_id=letter.job_id)

    def _retry(self, ids: Sequence[str]) -> int:
        """Retry those that Redis keeps as failed; how many."""
        plan = self._control.plan_retry(ids=ids)
        return self._control.apply(plan, reason=self._reason).done

    def _enqueue(self, jobs: dict[str, NewJob], tally: Tally) -> tuple[int, set[str]]:
        """Enqueue those that Redis does not know; how many, and which it would not take."""
        try:
            return sum(ref.created for ref in self._client.enqueue_many([*jobs.values()])), set()
        except InvalidJobError:
            pass
        created, refused = 0, set()
        for job_id, job in jobs.items():
            try:
                created += self._client.enqueue_many([job])[0].created
            except InvalidJobError as error:
                tally.problems[str(error)] = None
                refused.add(job_id)
        return created, refused

    def _close(self, job_ids: list[str], until: datetime) -> None:
        """Without those of a job that has failed again meanwhile."""
        with self._database.write() as session:
            session.execute(
                update(StoredDeadLetter)
                .where(
                    StoredDeadLetter.job_id.in_(job_ids),
                    StoredDeadLetter.died_at <= until,
                    is_open(),
                )
                .values(requeued_at=utc_now())
                .execution_options(synchronize_session=False)
            )
