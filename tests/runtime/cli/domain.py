"""A small domain for the commands' tests: one kind that works, one that fails at once."""

from pydantic import BaseModel, ConfigDict

from runtime.application import Application
from runtime.catalogue.catalogue import Catalogue, Kind, Provider, Queue, RateLimit
from runtime.catalogue.retry import RetryPolicy
from runtime.context import JobContext


class Note(BaseModel):
    """What the kinds take."""

    model_config = ConfigDict(extra="forbid")
    text: str = ""


async def echo(_ctx: JobContext, note: Note) -> str:
    return note.text


async def fail(_ctx: JobContext, note: Note) -> None:
    raise ValueError(note.text)


application = Application(
    catalogue=Catalogue(
        queues=[
            Queue("test:plain", slots=50),
            Queue("test:fair", slots=10, fair=True),
            Queue("test:rated", slots=10, rate=RateLimit(5), provider="provider"),
        ],
        kinds=[
            Kind("echo", "test:plain", Note, f"{__name__}:echo", hint=("text",)),
            Kind("fail", "test:plain", Note, f"{__name__}:fail", retry=RetryPolicy(attempts=1)),
            Kind("fair", "test:fair", Note, f"{__name__}:echo"),
        ],
        providers=[Provider("provider", concurrency=3)],
    )
)
