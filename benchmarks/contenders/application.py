"""The catalogue of the benchmark: kinds that do as good as nothing."""

import asyncio

from pydantic import BaseModel

from runtime.application import Application
from runtime.catalogue.catalogue import Catalogue, Kind, Queue
from runtime.context import JobContext


class Number(BaseModel):
    """What every contender's job carries."""

    n: int = 0


class Email(BaseModel):
    """A typical e-mail job, for the memory of a waiting one."""

    to: str
    subject: str
    template: str
    template_data: dict[str, str]


async def noop(_context: JobContext, _payload: Number) -> dict[str, int]:
    """Nothing, as a coroutine."""
    return {"ok": 1}


async def sleep_10ms(_context: JobContext, _payload: Number) -> None:
    """What a job that waits for a provider does."""
    await asyncio.sleep(0.010)


application = Application(
    catalogue=Catalogue(
        queues=[Queue("bench:plain", slots=50), Queue("bench:fair", slots=50, fair=True)],
        kinds=[
            Kind("noop", "bench:plain", Number, f"{__name__}:noop"),
            Kind("sleep_10ms", "bench:plain", Number, f"{__name__}:sleep_10ms"),
            Kind("email", "bench:plain", Email, f"{__name__}:noop", hint=("to",)),
        ],
    )
)
