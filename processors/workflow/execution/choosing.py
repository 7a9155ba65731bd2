"""Which way a step leaves, and how long before it is tried again: pure functions."""

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from processors.errors import DefinitionError
from processors.texts.values import shown
from processors.workflow.decisions.patterns import is_match
from processors.workflow.nodes import Reentry, Retry, SplitSettings, SwitchCase, SwitchSettings

# Compares a value with a case's, as conditions do: (operator, expected) -> bool.
Compare = Callable[[str, Any], bool]
_LONGEST_RETRY = timedelta(days=1)


def split_branch(settings: SplitSettings, *, contact: str, workflow_id: str, node_id: str) -> str:
    """A split test's branch for one contact: always the same, over all versions of a workflow.

    Args:
        settings: the variants; a weight of 2 takes twice as many contacts as one of 1.
        contact: the contact's id, or the execution's when there is no contact.
        workflow_id: of the workflow.
        node_id: of the split.
    """
    digest = hashlib.sha256(f"{contact}\n{workflow_id}\n{node_id}".encode()).digest()
    total = sum(variant.weight for variant in settings.variants)
    point = int.from_bytes(digest[:8]) / 2**64 * total
    for variant in settings.variants:
        point -= variant.weight
        if point < 0:
            return variant.branch
    return settings.variants[-1].branch


def switch_branch(
    settings: SwitchSettings,
    value: Any,
    *,
    compare: Compare,
    holds: Callable[[Mapping[str, Any]], bool],
) -> str:
    """The branch of the first case that fits.

    Raises:
        DefinitionError: no case fits, or one cannot be decided.
    """
    default = None
    for case in settings.cases:
        if case.kind == "default":
            # It fits always, but only after all others.
            default = default or case.branch
        elif _fits(case, value, compare, holds):
            return case.branch
    if default is None:
        raise DefinitionError(f"no case of the switch fits {shown(value)}, and none is the default")
    return default


def _fits(
    case: SwitchCase,
    value: Any,
    compare: Compare,
    holds: Callable[[Mapping[str, Any]], bool],
) -> bool:
    match case.kind:
        case "exact":
            return compare("equals", case.value)
        case "range":
            return (case.minimum is None or compare("greater_than_or_equal", case.minimum)) and (
                case.maximum is None or compare("less_than_or_equal", case.maximum)
            )
        case "pattern":
            return is_match(str(case.value), "" if value is None else str(value))
        case "condition":
            if case.condition is None:
                raise DefinitionError(f"the case {case.branch!r} has no condition")
            return holds(case.condition)
        case _:
            return True


def retry_delay(retry: Retry, attempts: int) -> timedelta | None:
    """How long before a step runs again that has failed `attempts` times; None: not again."""
    if attempts >= retry.attempts:
        return None
    factor = {
        "fixed": 1.0,
        "linear": float(attempts),
        "exponential": 2.0 ** min(attempts - 1, 30),
    }[retry.backoff]
    return min(_LONGEST_RETRY, timedelta(seconds=retry.base_s * factor))


def entry_key(reentry: Reentry, contact: str | None, data: Mapping[str, Any]) -> str | None:
    """Whose execution it is, for re-entry: the contact's, or the contact's for one booking.

    None when the event names no contact: then nothing can be entered again.
    """
    if contact is None:
        return None
    if reentry.by == "contact":
        return contact
    found = booking_id(data)
    return f"{contact}\n{found}" if found is not None else contact


def booking_id(data: Mapping[str, Any]) -> str | None:
    """The booking that an event names."""
    booking = data.get("booking")
    nested = booking.get("id") if isinstance(booking, Mapping) else None
    found = nested or data.get("booking_id") or data.get("bookingId")
    return None if found is None else str(found)


def refusal(
    reentry: Reentry, *, running: bool, last_start: datetime | None, now: datetime
) -> str | None:
    """Why a contact may not enter a workflow now; None: it may.

    Args:
        reentry: the workflow's rule.
        running: an execution of the same key has not ended.
        last_start: when the last one began, None if there was none.
        now: the time.
    """
    match reentry.policy:
        case "not_while_running" if running:
            return "an execution for it is running"
        case "once" if last_start is not None:
            return "it has been there, and enters once only"
        case "once_per_period" if last_start is not None and reentry.period_s is not None:
            free = last_start + timedelta(seconds=reentry.period_s)
            return f"it may enter again from {free:%Y-%m-%d %H:%M}" if free > now else None
        case _:
            return None
