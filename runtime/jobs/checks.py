"""Checks what a producer hands over: the type of each argument, then its value."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from reprlib import Repr
from typing import Any, get_args

from runtime.catalogue.catalogue import Priority
from runtime.errors import InvalidJobError
from runtime.jobs.new_job import Expired, Flow, NewJob, OnChildFailure, Unique, UniqueMode
from runtime.sanitize.text import safe

# RQ's rule for job ids (rq/job.py, JOB_ID_PATTERN); the length is ours.
_JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,200}")
_ORG = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_KEY = re.compile(r"[A-Za-z0-9_.:@+-]{1,200}")
# A century: Redis' scripts count milliseconds in floating point numbers.
_LONGEST = timedelta(days=36_525)
_MOST_AT_A_TIME = 1_000_000
_SHORT = Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 60


def refusal(name: str, value: object, allowed: str) -> InvalidJobError:
    """The error that says which argument is wrong and what is allowed."""
    try:
        shown = _SHORT.repr(value)
    except Exception:  # noqa: BLE001 - a value's own repr may do anything
        shown = f"<{type(value).__name__}>"
    return InvalidJobError(f"{name}: {safe(shown, 80)} is not {allowed}")


def checked_job(job: NewJob) -> NewJob:
    """The same job, with texts that are plain `str`.

    Raises:
        InvalidJobError: an argument has another type than it may have, or a value out of range.
    """
    # Nearly every job is plain, and a producer of many notices each further look.
    if (
        type(job) is NewJob
        and type(job.kind) is str
        and type(job.org) is str
        and (job.priority is None or type(job.priority) is Priority)
        and (job.job_id is None or type(job.job_id) is str)
        and job.delay is None
        and job.at is None
        and job.concurrency_key is None
        and job.not_after is None
        and job.unique is None
        and type(job.headers) is dict
        and not job.headers
        and type(job.concurrency) is int
        and job.concurrency == 1
        and job.expired == "drop"
    ):
        return job
    if not isinstance(job, NewJob):
        raise refusal("job", job, "a NewJob")
    _check_options(job)
    return replace(
        job,
        kind=plain_text("kind", job.kind),
        org=plain_text("org", job.org),
        job_id=None if job.job_id is None else plain_text("job_id", job.job_id),
        headers=_plain_headers(job.headers),
    )


def _check_options(job: NewJob) -> None:
    if job.priority is not None and not isinstance(job.priority, Priority):
        raise refusal("priority", job.priority, "a Priority, such as Priority.HIGH")
    check_delay("delay", job.delay)
    check_moment("at", job.at)
    check_moment("not_after", job.not_after)
    if job.concurrency_key is not None:
        plain_text("concurrency_key", job.concurrency_key)
    at_a_time = job.concurrency
    if type(at_a_time) is not int or not 1 <= at_a_time <= _MOST_AT_A_TIME:
        raise refusal("concurrency", at_a_time, f"a whole number from 1 to {_MOST_AT_A_TIME:,}")
    _check_choice("expired", job.expired, Expired)
    if job.unique is not None:
        _check_unique(job.unique)


def _check_unique(unique: Unique) -> None:
    if not isinstance(unique, Unique):
        raise refusal("unique", unique, "a Unique")
    plain_text("key of unique", unique.key)
    _check_choice("mode of unique", unique.mode, UniqueMode)
    check_delay("period of unique", unique.period)


def checked_flow(flow: Flow) -> Flow:
    """The same flow, its children as a tuple; children that are flows are checked later.

    Raises:
        InvalidJobError: as `checked_job`.
    """
    if not isinstance(flow, Flow):
        raise refusal("flow", flow, "a Flow")
    _check_choice("on_child_failure", flow.on_child_failure, OnChildFailure)
    children = tuple(checked_list("children", flow.children))
    for child in children:
        if not isinstance(child, NewJob | Flow):
            raise refusal("child", child, "a NewJob or a Flow")
    return replace(flow, job=checked_job(flow.job), children=children)


def checked_list(name: str, jobs: Iterable[Any]) -> Iterable[Any]:
    """Jobs in any iterable but a text or a mapping.

    Raises:
        InvalidJobError: it is none.
    """
    if isinstance(jobs, str | bytes | bytearray | Mapping) or not isinstance(jobs, Iterable):
        raise refusal(name, jobs, "a list of jobs")
    return jobs


def plain_text(name: str, value: object) -> str:
    """A text as `str` itself: members of a string enumeration would print as their name.

    Raises:
        InvalidJobError: it is not a text.
    """
    if not isinstance(value, str):
        raise refusal(name, value, "a text")
    return value if type(value) is str else str.__str__(value)


def check_delay(name: str, value: timedelta | None) -> None:
    """Refuse anything but a length of time.

    Raises:
        InvalidJobError: what is allowed.
    """
    if value is None:
        return
    if not isinstance(value, timedelta):
        raise refusal(name, value, "a timedelta, such as timedelta(seconds=5)")
    if not timedelta(0) <= value <= _LONGEST:
        raise InvalidJobError(f"{name}: {value} is not between 0 and a hundred years; not negative")


def check_moment(name: str, value: datetime | None) -> None:
    """Refuse anything but a point in time.

    Raises:
        InvalidJobError: what is allowed.
    """
    if value is None:
        return
    if not isinstance(value, datetime):
        raise refusal(name, value, "a datetime with a time zone")
    if value.tzinfo is None:
        raise InvalidJobError(f"{name} needs an aware datetime (with a time zone)")
    try:
        value.astimezone(UTC)
    except (OverflowError, ValueError):
        raise InvalidJobError(f"{name}: {value} is not within the years 1 to 9999 of UTC") from None


def check_timeout(name: str, value: float | None) -> None:
    """Refuse anything but a number of seconds to wait, or None for no limit.

    Raises:
        InvalidJobError: what is allowed.
    """
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refusal(name, value, "a number of seconds")
    if not 0 <= value <= _LONGEST.total_seconds():  # nor is NaN
        raise refusal(name, value, "a number of seconds from 0 to a hundred years")


def checked_id(job_id: object) -> str:
    """A job's id.

    Raises:
        InvalidJobError: what is allowed.
    """
    text = plain_text("job id", job_id)
    if not _JOB_ID.fullmatch(text):
        raise InvalidJobError(
            f"job id {safe(text, 60)!r}: 1 to 200 letters, digits, _ and - are allowed"
        )
    return text


def checked_key(key: str) -> str:
    """The key of a `Unique`, or a concurrency key.

    Raises:
        InvalidJobError: what is allowed.
    """
    text = plain_text("key", key)
    if not _KEY.fullmatch(text):
        raise InvalidJobError(
            f"key {safe(text, 60)!r}: 1 to 200 letters, digits and _ . : @ + - are allowed"
        )
    return text


@lru_cache(maxsize=1024)
def check_org(org: str) -> None:
    """Refuse a name that no organisation may have.

    Raises:
        InvalidJobError: what is allowed.
    """
    if not _ORG.fullmatch(org):
        raise InvalidJobError(
            f"org {safe(org, 60)!r}: 1 to 100 letters, digits, _ . and - are allowed"
        )


def _check_choice(name: str, value: object, allowed: Any) -> None:
    choices = get_args(allowed)
    if not isinstance(value, str) or value not in choices:
        raise refusal(name, value, f"one of {', '.join(choices)}")


def _plain_headers(headers: Mapping[str, str]) -> dict[str, str]:
    if not isinstance(headers, Mapping):
        raise refusal("headers", headers, "a mapping of texts to texts")
    return {
        plain_text("name of a header", name): plain_text("header", value)
        for name, value in headers.items()
    }
