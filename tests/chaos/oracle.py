"""What really happened, kept outside Redis: acknowledged enqueues, and every effect."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from runtime.auditor import Auditor
from runtime.errors import UnknownJobError
from runtime.reader import Reader
from runtime.snapshot import JobState


@dataclass(frozen=True, slots=True)
class Verdict:
    """The figures of one run.

    Attributes:
        lost: acknowledged jobs that are in no final state (L).
        extra_runs: executions beyond the first of a job (D1); kills make some unavoidable.
        wrong_marks: finished without an effect, or failed though it never should have (W).
        orphans: what the auditor found (O).
    """

    acknowledged: int
    lost: int
    extra_runs: int
    wrong_marks: int
    orphans: int


class Oracle:
    """A SQLite file that the producer and the handlers write, each in a transaction of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with sqlite3.connect(path) as db:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("CREATE TABLE effects (job_id TEXT, effect TEXT, attempt INTEGER)")
            db.execute("CREATE TABLE acknowledged (job_id TEXT PRIMARY KEY)")

    def acknowledge(self, ids: list[str]) -> None:
        """Note that Redis acknowledged these jobs; on disk before this returns."""
        with sqlite3.connect(self.path, timeout=30) as db:
            db.execute("PRAGMA synchronous=FULL")
            db.executemany("INSERT INTO acknowledged VALUES (?)", [(i,) for i in ids])

    def judge(self, reader: Reader, auditor: Auditor) -> Verdict:
        """Compare with what the engine says, once it is quiet."""
        with sqlite3.connect(self.path) as db:
            acknowledged = {row[0] for row in db.execute("SELECT job_id FROM acknowledged")}
            runs = dict(db.execute("SELECT job_id, count(*) FROM effects GROUP BY job_id"))
        lost = wrong = 0
        for job_id in acknowledged:
            try:
                state = reader.job(job_id).summary.state
            except UnknownJobError:
                # Finished jobs are kept by count: gone and with an effect is finished.
                state = JobState.FINISHED if job_id in runs else None
            if state not in (JobState.FINISHED, JobState.FAILED):
                lost += 1
            elif (state is JobState.FINISHED) != (job_id in runs) or state is JobState.FAILED:
                wrong += 1
        extra = sum(count - 1 for count in runs.values())
        found = auditor.audit().counts
        return Verdict(len(acknowledged), lost, extra, wrong, sum(found.values()))
