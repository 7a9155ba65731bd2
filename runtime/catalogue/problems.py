"""What makes a catalogue invalid: the rules for each queue, provider and kind."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runtime.catalogue.catalogue import Kind, Provider, Queue


def queue_problems(queue: "Queue", names: list[str]) -> Iterable[str]:
    """What is wrong with a queue, among queues of these names; one line each."""
    if not re.fullmatch(r"[a-z][a-z0-9-]*(:[a-z][a-z0-9-]*)*", queue.name):
        yield f"queue {queue.name!r}: lower-case words joined by colons are allowed"
    if names.count(queue.name) > 1:
        yield f"queue {queue.name}: named twice"
    if queue.slots < 1:
        yield f"queue {queue.name}: slots must be at least 1"
    if queue.org_cap < 1:
        yield f"queue {queue.name}: org_cap must be at least 1"
    if queue.concurrency is not None and queue.concurrency < 1:
        yield f"queue {queue.name}: concurrency must be at least 1"
    if queue.rate and (queue.rate.jobs < 1 or queue.rate.per_s <= 0):
        yield f"queue {queue.name}: a rate needs jobs >= 1 and per_s > 0"


def provider_problems(provider: "Provider") -> Iterable[str]:
    """What is wrong with a provider; one line each."""
    subject, rate, breaker = f"provider {provider.name}", provider.rate, provider.breaker
    if not re.fullmatch(r"[a-z][a-z0-9-]*", provider.name):
        yield f"provider {provider.name!r}: lower-case letters, digits and - are allowed"
    if rate and (rate.jobs < 1 or rate.per_s <= 0):
        yield f"{subject}: a rate needs jobs >= 1 and per_s > 0"
    if provider.concurrency is not None and provider.concurrency < 1:
        yield f"{subject}: concurrency must be at least 1"
    if breaker and not (0 < breaker.ratio <= 1 and breaker.least >= 1):
        yield f"{subject}: a breaker needs 0 < ratio <= 1 and least >= 1"
    if breaker and not (0 < breaker.open_s <= breaker.most_s and breaker.window_s > 0):
        yield f"{subject}: a breaker needs 0 < open_s <= most_s and window_s > 0"


def kind_problems(kind: "Kind", queues: list[str]) -> Iterable[str]:
    """What is wrong with a kind, given the names of the queues; one line each."""
    for name in (kind.name, *kind.aliases):
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            yield f"kind {name!r}: lower-case words joined by underscores are allowed"
    if kind.queue not in queues:
        yield f"kind {kind.name}: no queue {kind.queue!r}"
    if kind.timeout_s <= 0:
        yield f"kind {kind.name}: timeout_s must be above 0"
    if kind.handler.count(":") != 1:
        yield f"kind {kind.name}: handler must read package.module:function"
    if unknown := set(kind.hint) - set(kind.payload.model_fields):
        yield f"kind {kind.name}: hint names no payload field: {', '.join(sorted(unknown))}"
