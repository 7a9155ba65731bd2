"""One act of a producer or an operator, as a program: so that it can be killed in the middle.

python -m tests.chaos.steer ACT [WORD...]
"""

import random
import sys
from collections.abc import Callable, Sequence
from contextlib import closing, suppress

from runtime.catalogue.recurring import Recurring
from runtime.client import AtlasClient
from runtime.config.settings import Settings, load_settings
from runtime.control.auditor import Auditor
from runtime.control.control import Control
from runtime.errors import UnknownJobError
from runtime.jobs.new_job import Flow, NewJob
from tests.chaos.arms import orders
from tests.chaos.atlas_arm import new_job
from tests.chaos.oracle import Oracle
from tests.chaos.provider import database

Act = Callable[[Settings, Sequence[str]], None]


def control(act: Callable[[Control, Sequence[str]], object]) -> Act:
    def with_control(settings: Settings, words: Sequence[str]) -> None:
        with closing(Control.from_settings(settings, actor="chaos")) as operator:
            act(operator, words)

    return with_control


def enqueue(settings: Settings, words: Sequence[str]) -> None:
    """Jobs number A to B, then their acknowledgement."""
    first, count = (int(word) for word in words)
    batch = [order for order in orders(first, count, random.Random(first)) if order.job_id]
    with AtlasClient.from_settings(settings) as client:
        refs = client.enqueue_many(new_job(order) for order in batch)
    Oracle(database()).acknowledge(ref.id for ref in refs)


def flow(settings: Settings, _words: Sequence[str]) -> None:
    """A parent that waits for three children, then their acknowledgement."""
    children = [NewJob("send", "o", {}, job_id=f"child-{n}") for n in range(3)]
    with AtlasClient.from_settings(settings) as client:
        ref = client.enqueue_flow(Flow(NewJob("send", "o", {}, job_id="parent"), children))
    Oracle(database()).acknowledge([ref.id, *ref.children])


def audit(settings: Settings, _words: Sequence[str]) -> None:
    with closing(Auditor.from_settings(settings)) as auditor:
        auditor.audit(repair=True)


def drop(operator: Control, _words: Sequence[str]) -> None:
    # Told twice, the second time there is none any more.
    with suppress(UnknownJobError):
        operator.remove_recurring("mine")


ACTS: dict[str, Act] = {
    "enqueue": enqueue,
    "flow": flow,
    "audit": audit,
    "retry": control(lambda c, ids: c.apply(c.plan_retry(ids=ids))),
    "retry-all": control(lambda c, _: c.apply(c.plan_retry())),
    "delete": control(lambda c, ids: c.apply(c.plan_delete(ids))),
    "pause": control(lambda c, words: c.pause(words[0])),
    "quiet": control(lambda c, names: c.set_quiet(names, quiet=True)),
    "breaker": control(lambda c, words: c.force_breaker(words[0], "open")),
    "weigh": control(lambda c, words: c.set_org(words[0], weight=2.0, cap=3)),
    "recur": control(lambda c, _: c.set_recurring(Recurring("mine", "send", "o", every_s=3600))),
    "drop": control(drop),
}

if __name__ == "__main__":
    ACTS[sys.argv[1]](load_settings(env_file=None), sys.argv[2:])
