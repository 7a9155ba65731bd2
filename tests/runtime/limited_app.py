"""A second small domain: a provider with a breaker, caps, dead letters and middleware."""

import asyncio
import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from runtime.application import Application
from runtime.catalogue.catalogue import Breaker, Catalogue, Kind, Provider, Queue, RateLimit
from runtime.catalogue.retry import RetryPolicy, RetryRule
from runtime.context import JobContext
from runtime.jobs.dead_letter import DeadLetterRecord
from runtime.middleware import LogContext, Middleware, TraceContext
from runtime.outcomes import DeadLetter, Retry


class Note(BaseModel):
    """What the test kinds take."""

    model_config = ConfigDict(extra="forbid")
    text: str = ""
    seconds: float = 0.0


class ProviderError(Exception):
    """As an HTTP library would raise it."""

    def __init__(self, status: int, headers: dict[str, str] | None = None) -> None:
        super().__init__(f"the provider answered {status}")
        self.status = status
        self.headers = headers or {}


def _tell(line: str) -> None:
    """Append a line to the file that the test reads."""
    with Path(os.environ["EFFECTS_DB"]).with_suffix(".log").open("a") as log:
        log.write(line + "\n")


async def send(ctx: JobContext, note: Note) -> None:
    """Fails as long as the provider is down: a file that the test makes and removes."""
    if Path(os.environ["EFFECTS_DB"]).with_suffix(".down").exists():
        _tell(f"refused {ctx.job_id} {ctx.attempt}")
        raise ConnectionError("the provider is down")
    _tell(f"sent {ctx.job_id} {ctx.attempt} {note.text}")


async def work(ctx: JobContext, note: Note) -> str:
    _tell(f"start {ctx.job_id}")
    await asyncio.sleep(note.seconds)
    _tell(f"end {ctx.job_id}")
    return note.text


async def refuse(_ctx: JobContext, note: Note) -> None:
    match note.text:
        case "dead":
            raise DeadLetter("can never work")
        case "retry":
            raise Retry(reason="later")
    raise ProviderError(int(note.text))


async def talk(ctx: JobContext, note: Note) -> None:
    for number in range(1, 4):
        ctx.progress(number, 3, f"step {number}")
        ctx.log(f"line {number} for {note.text}")
    await asyncio.sleep(note.seconds)


def talk_apart(ctx: JobContext, _note: Note) -> None:
    ctx.progress(0.5, message="half way")
    ctx.log("from the child")


def chain(ctx: JobContext, note: Note) -> None:
    _tell(f"trace {ctx.job_id} {ctx.headers.get('traceparent', '')}")
    if note.text == "first":
        ctx.client.enqueue("chain", org=ctx.org, payload={"text": "second"}, job_id="second")


async def keep_record(_ctx: JobContext, record: DeadLetterRecord) -> None:
    _tell("record " + record.model_dump_json())


class Refusing(Middleware):
    """Counts what passes, and lets one text through to nobody."""

    def enqueue(self, jobs, call_next):
        _seen.append(len(jobs))
        return call_next(jobs)

    async def execute(self, context, call_next):
        value = await call_next(context)
        if context.kind == "wrapped" and value == "break":
            raise ValueError("too late")
        return {"wrapped": value} if context.kind == "wrapped" else value


_seen: list[int] = []
QUICK = RetryPolicy(attempts=3, backoff="fixed", base_s=0.01, jitter=False)
RULED = RetryPolicy(
    attempts=3,
    base_s=0.01,
    rules=(
        RetryRule("never", statuses=(404,)),
        RetryRule("dead_letter", errors=("LookupError",), statuses=("4xx",)),
        RetryRule("retry", statuses=(503,), after_s=0.2),
    ),
)

application = Application(
    catalogue=Catalogue(
        queues=[
            Queue("test:provider", slots=20, provider="provider"),
            Queue("test:plain", slots=20),
            Queue("test:fair", slots=20, fair=True, org_cap=20),
            Queue("test:single", slots=20, concurrency=2),
            Queue("test:letters", slots=2),
        ],
        kinds=[
            Kind("send", "test:provider", Note, f"{__name__}:send", retry=QUICK),
            Kind("work", "test:plain", Note, f"{__name__}:work", retry=QUICK),
            Kind("refuse", "test:plain", Note, f"{__name__}:refuse", retry=RULED),
            Kind("talk", "test:plain", Note, f"{__name__}:talk"),
            Kind("talk_apart", "test:plain", Note, f"{__name__}:talk_apart", isolated=True),
            Kind("chain", "test:plain", Note, f"{__name__}:chain"),
            Kind("wrapped", "test:plain", Note, f"{__name__}:work"),
            Kind("fair", "test:fair", Note, f"{__name__}:work"),
            Kind("single", "test:single", Note, f"{__name__}:work"),
            Kind("keep_record", "test:letters", DeadLetterRecord, f"{__name__}:keep_record"),
        ],
        providers=[
            Provider(
                "provider",
                rate=RateLimit(1000, 1.0),
                breaker=Breaker(ratio=0.5, least=4, window_s=60, open_s=0.5, most_s=2),
            )
        ],
        dead_letter="keep_record",
    ),
    middleware=(LogContext(), TraceContext(), Refusing()),
)
