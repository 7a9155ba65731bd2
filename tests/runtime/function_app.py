"""An application of functions, for the tests of `Application.job`."""

import asyncio
import os
from datetime import timedelta

from pydantic import BaseModel

from runtime import Application, Cancel, JobContext, Priority, Queue, RetryPolicy

app = Application()
QUICK = RetryPolicy(attempts=3, backoff="fixed", base_s=0.01)


class Parcel(BaseModel):
    """A payload that is a model of its own."""

    weight: float
    label: str = "none"


@app.job(queue=Queue("sums", slots=20))
def add(left: int, right: int = 1) -> int:
    return left + right


@app.job(queue="sums", priority=Priority.HIGH, hint=("label",), name="ship_it")
async def ship(context: JobContext, parcel: Parcel) -> dict[str, object]:
    await asyncio.sleep(0)
    return {"weight": parcel.weight, "org": context.org, "attempt": context.attempt}


@app.job(retry=QUICK)
def flaky(context: JobContext, succeed_at: int) -> int:
    if context.attempt < succeed_at:
        raise ConnectionError("not yet")
    return context.attempt


@app.job(isolated=True, timeout=timedelta(seconds=20))
def crunch(numbers: list[int]) -> dict[str, int]:
    return {"sum": sum(numbers), "pid": os.getpid()}


@app.job()
def refuse(reason: str) -> None:
    raise Cancel(reason)


@app.job(every=timedelta(minutes=5), timezone="Europe/London")
def sweep(days: int = 30) -> int:
    return days


@app.job()
def nothing() -> None:
    pass
