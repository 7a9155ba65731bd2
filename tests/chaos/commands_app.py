"""A domain whose handlers note in SQLite when they start and end; some fail once, some always."""

import asyncio
import os
import sqlite3
import time

from pydantic import BaseModel

from runtime.application import Application
from runtime.catalogue.catalogue import Catalogue, Kind, Queue
from runtime.catalogue.retry import RetryPolicy
from runtime.context import JobContext


class Work(BaseModel):
    """`fails`: as many of the first attempts fail."""

    seconds: float = 0.005
    fails: int = 0


def _note(ctx: JobContext, what: str) -> None:
    with sqlite3.connect(os.environ["EFFECTS_DB"], timeout=30) as db:
        db.execute("PRAGMA synchronous=OFF")
        db.execute("INSERT INTO notes VALUES (?, ?, ?)", (ctx.job_id, what, time.time()))


async def work(ctx: JobContext, payload: Work) -> None:
    _note(ctx, "start")
    await asyncio.sleep(payload.seconds)
    _note(ctx, "end")
    if ctx.attempt <= payload.fails:
        raise ValueError("as it was told to")


_TWICE = RetryPolicy(attempts=2, backoff="fixed", base_s=0.01)

application = Application(
    catalogue=Catalogue(
        queues=[Queue("cmd:plain", slots=8), Queue("cmd:fair", slots=8, fair=True, org_cap=2)],
        kinds=[
            Kind("plain", "cmd:plain", Work, f"{__name__}:work", retry=_TWICE),
            Kind("fair", "cmd:fair", Work, f"{__name__}:work", retry=_TWICE),
        ],
    )
)
