"""The application whose jobs are disturbed: every way through the engine, effects at a provider."""

import os
import time
from dataclasses import replace

from pydantic import BaseModel, ConfigDict

from runtime.application import Application
from runtime.catalogue.catalogue import RETENTION, Catalogue, Kind, Provider, Queue
from runtime.catalogue.recurring import Recurring
from runtime.catalogue.retry import RetryPolicy
from runtime.context import JobContext
from runtime.outcomes import DeadLetter
from runtime.worker.services import maintenance
from tests.chaos import failpoints, provider

RECURRING = "CHAOS_RECURRING"
QUICK_REAPER = "CHAOS_QUICK_REAPER"
KEEP = "CHAOS_KEEP"


class Order(BaseModel):
    """An effect that is wanted, and how long the work for it takes."""

    model_config = ConfigDict(extra="forbid")
    effect: str = ""
    seconds: float = 0.0


def send(ctx: JobContext, order: Order) -> None:
    """Have the provider act, with the job's id as its key."""
    provider.begin(ctx.job_id, ctx.attempt)
    failpoints.reach("handler:start")
    ctx.log("asking the provider")
    time.sleep(order.seconds)
    failpoints.reach("handler:middle")
    provider.send(ctx.job_id, order.effect or ctx.job_id)
    failpoints.reach("handler:end")


def flaky(ctx: JobContext, order: Order) -> None:
    """The same, at the second attempt."""
    if ctx.attempt < 2:
        provider.begin(ctx.job_id, ctx.attempt)
        raise ConnectionError("provider unreachable")
    send(ctx, order)


def picky(ctx: JobContext, order: Order) -> None:
    """The same, once the provider takes it; until then it is failed for good."""
    if not provider.is_open():
        raise DeadLetter("the provider is closed")
    send(ctx, order)


QUICK = RetryPolicy(attempts=3, backoff="fixed", base_s=0.05)

application = Application(
    catalogue=Catalogue(
        queues=[
            Queue("chaos:plain", slots=50),
            Queue("chaos:fair", slots=10, fair=True, org_cap=4),
            Queue("chaos:guarded", slots=10, provider="provider"),
        ],
        providers=[Provider("provider")],
        kinds=[
            Kind("send", "chaos:plain", Order, f"{__name__}:send"),
            Kind("flaky", "chaos:plain", Order, f"{__name__}:flaky", retry=QUICK),
            Kind("picky", "chaos:plain", Order, f"{__name__}:picky"),
            Kind("fair", "chaos:fair", Order, f"{__name__}:send"),
            Kind("guarded", "chaos:guarded", Order, f"{__name__}:send"),
        ],
    ),
    recurring=(Recurring("tick", "send", "o", every_s=1, missed="all"),)
    if RECURRING in os.environ
    else (),
)

failpoints.install()
if os.environ.get(KEEP):
    # A job that is no longer kept cannot be judged, and enqueueing its id again runs it again.
    RETENTION["test"] = replace(RETENTION["test"], finished_count=10_000_000)
if QUICK_REAPER in os.environ:
    # Where only the outcome matters, not the time: a test of seconds must not wait for minutes.
    maintenance.REAP_S = 0.3
