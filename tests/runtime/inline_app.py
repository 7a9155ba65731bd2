"""An application for the tests of `runtime.testing`, run there and by a real worker alike."""

import asyncio
from datetime import UTC, datetime, timedelta

from runtime import (
    Application,
    Cancel,
    DeadLetter,
    JobContext,
    Middleware,
    NewJob,
    Retry,
    RetryPolicy,
    RetryRule,
    Snooze,
)

SEEN: list[str] = []


class Seen(Middleware):
    """Notes what passes, and adds a header."""

    def enqueue(self, jobs, call_next):
        SEEN.append(f"enqueue {','.join(job.kind for job in jobs)}")
        return call_next(jobs)

    async def execute(self, context: JobContext, call_next):
        SEEN.append(f"execute {context.kind} {context.attempt}")
        return await call_next(context)


QUICK = RetryPolicy(attempts=3, backoff="fixed", base_s=0.01, jitter=False)
app = Application(middleware=(Seen(),))


@app.job(retry=QUICK)
async def echo(context: JobContext, text: str = "") -> dict[str, object]:
    return {"text": text, "attempt": context.attempt, "org": context.org}


@app.job(retry=QUICK)
def flaky(context: JobContext) -> str:
    if context.attempt < 3:
        raise ConnectionError("not yet")
    return "at last"


@app.job(retry=QUICK)
def broken() -> None:
    raise ValueError("never")


@app.job(retry=RetryPolicy(attempts=5, rules=(RetryRule("dead_letter", ("KeyError",)),)))
def ruled() -> None:
    raise KeyError("this one is given up at once")


@app.job(retry=QUICK)
async def ends(context: JobContext, how: str) -> str:
    if how == "retry" and context.attempt == 1:
        raise Retry(timedelta(milliseconds=20), reason="not now")
    if how == "cancel":
        raise Cancel("not wanted")
    if how == "dead":
        raise DeadLetter("hopeless")
    if how == "snooze" and datetime.now(UTC) < context.enqueued_at + timedelta(milliseconds=50):
        await asyncio.sleep(0.06)
        raise Snooze(datetime.now(UTC), reason="later")
    return how


@app.job(isolated=True)
def apart(number: int) -> int:
    return number * 2


@app.job()
def reports(context: JobContext) -> None:
    context.progress(1, 2, "half way")
    context.log("a line")


@app.job()
def follows(context: JobContext, number: int) -> list[str]:
    jobs = [NewJob("echo", payload={"text": str(n)}, job_id=f"f{n}") for n in range(number)]
    return [ref.id for ref in context.client.enqueue_many(jobs)]


@app.job()
def again(context: JobContext) -> None:
    context.client.enqueue("again")
