"""What really happened, kept outside Redis, and the verdict on what the engine says of it."""

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.chaos.provider import SCHEMA, connect, diary

# `gone`: there is no such job. Finished jobs are kept by count, so one with an effect has finished.
State = Literal["finished", "failed", "open", "gone"]
States = Callable[[Iterable[str]], Mapping[str, State]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The figures of one run.

    Attributes:
        lost: acknowledged jobs that are in no final state (L).
        extra_runs: runs begun beyond the first of an attempt (D1); kills make some unavoidable.
        repeats: requests that the provider had had before and, by their key, did not act upon.
        doubled: effects that happened more than once at a provider that honours keys (D2).
        wrong: finished without the effect, or failed though no job here fails for good (W).
        orphans: open jobs that are not in exactly one place (O).
        recovery_s: the longest time from a fault until a run that it interrupted began again, or
            from its end until the next effect (R).
    """

    acknowledged: int
    lost: int
    extra_runs: int
    repeats: int
    doubled: int
    wrong: int
    orphans: int
    recovery_s: float

    @property
    def clean(self) -> bool:
        """L = D2 = W = O = 0."""
        return not (self.lost or self.doubled or self.wrong or self.orphans)


class Oracle:
    """A SQLite file that the producer, the handlers and the faults write; see `provider`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            with closing(connect(path)) as db:
                db.executescript(SCHEMA)

    def acknowledge(self, ids: Iterable[str]) -> None:
        """Note that Redis acknowledged these jobs; on disk before this returns."""
        with closing(connect(self.path)) as db, db:
            db.executemany("INSERT OR IGNORE INTO acknowledged VALUES (?)", [(i,) for i in ids])

    def withdraw(self, ids: Iterable[str]) -> None:
        """These were deleted on purpose: nothing is expected of them any more."""
        with closing(connect(self.path)) as db, db:
            db.executemany("DELETE FROM acknowledged WHERE job_id = ?", [(i,) for i in ids])

    def fault(self, begun: float, ended: float) -> None:
        """Note a fault, on the monotonic clock."""
        with closing(connect(self.path)) as db, db:
            db.execute("INSERT INTO faults VALUES (?, ?)", (begun, ended))

    def acknowledged(self) -> list[str]:
        with closing(connect(self.path)) as db:
            return [row[0] for row in db.execute("SELECT job_id FROM acknowledged ORDER BY rowid")]

    def effects(self) -> set[str]:
        """Keys that had their effect."""
        with closing(connect(self.path)) as db:
            return {row[0] for row in db.execute("SELECT key FROM effects")}

    def judge(self, states: States, orphans: int) -> Verdict:
        """Compare with what the engine says, once it is quiet."""
        acknowledged, effects = self.acknowledged(), self.effects()
        said = states(acknowledged)
        lost = wrong = 0
        for job_id in acknowledged:
            match said[job_id]:
                case "finished":
                    wrong += job_id not in effects
                case "failed":
                    wrong += 1
                case "gone":
                    lost += job_id not in effects
                case "open":
                    lost += 1
        with closing(connect(self.path)) as db:
            _read_diary(db, diary(self.path))
            return Verdict(
                len(acknowledged),
                lost,
                _beyond_first(db, "runs", "job_id, attempt"),
                _beyond_first(db, "requests", "key"),
                _beyond_first(db, "effects", "effect"),
                wrong,
                orphans,
                _recovery_s(db),
            )


def _read_diary(db: sqlite3.Connection, path: Path) -> None:
    lines = path.read_text().splitlines() if path.exists() else []
    db.execute("DROP TABLE IF EXISTS runs")
    db.execute("CREATE TABLE runs (id INTEGER PRIMARY KEY, job_id, attempt, begun REAL)")
    rows = [line.split() for line in lines]
    db.executemany("INSERT INTO runs (job_id, attempt, begun) VALUES (?, ?, ?)", rows)
    db.execute("CREATE INDEX runs_by_job ON runs (job_id, attempt)")
    db.execute("CREATE INDEX IF NOT EXISTS effects_by_time ON effects (at)")


def _beyond_first(db: sqlite3.Connection, table: str, columns: str) -> int:
    """Rows beyond the first of each group."""
    groups = f"SELECT count(*) - 1 AS more FROM {table} GROUP BY {columns}"
    return int(db.execute(f"SELECT coalesce(sum(more), 0) FROM ({groups})").fetchone()[0])


def _recovery_s(db: sqlite3.Connection) -> float:
    # The fault that interrupted a run is the first one after the run began.
    interrupted = """
        SELECT max(again.begun - (SELECT min(f.begun) FROM faults f WHERE f.begun >= run.begun))
        FROM runs run JOIN runs again
        ON again.id = (SELECT min(r.id) FROM runs r
                       WHERE r.job_id = run.job_id AND r.attempt = run.attempt AND r.id > run.id)
    """
    next_effect = """
        SELECT max((SELECT min(e.at) FROM effects e WHERE e.at >= f.ended) - f.ended) FROM faults f
    """
    found = (db.execute(query).fetchone()[0] for query in (interrupted, next_effect))
    return max(0.0, *(value or 0.0 for value in found))
