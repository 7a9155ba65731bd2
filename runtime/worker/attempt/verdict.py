"""What becomes of an attempt: pure functions from how it ended to what is written."""

import random
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from pydantic_core import to_json

from runtime.broker.calls.claim import ClaimedJob
from runtime.broker.calls.finish import Ended
from runtime.broker.encoding import deflate_text, encode_value
from runtime.catalogue.catalogue import Breaker
from runtime.catalogue.error_facts import ErrorFacts, error_facts
from runtime.catalogue.retry import RetryPolicy
from runtime.errors import BrokerUnavailableError
from runtime.jobs.fingerprint import error_text, fingerprint, handler_traceback
from runtime.outcomes import Cancel, DeadLetter, Outcome, Retry, Snooze
from runtime.sanitize.numbers import whole

_MAX_ERROR = 500
# Thirty years: what a job says that it waited is used to reckon with dates.
_LONGEST_MS = 1e12
# Until a handler that met a Redis that did not serve runs again. The end of its attempt is written
# only once Redis serves, so that this need not grow.
_BROKER_PAUSE_MS = (500, 2_500)
# RQ's own words for a value that its serializer refuses (rq/defaults.py).
_UNSERIALIZABLE = b'"Unserializable return value"'


class AttemptFacts(NamedTuple):
    """What is known of an attempt before it ended; `breaker` is that of its queue's provider."""

    job: ClaimedJob
    kind: str
    policy: RetryPolicy
    started_s: float
    wait_ms: float
    org: str = ""
    breaker: Breaker | None = None


class StockRetry(Retry):
    """A stock function returned RQ's Retry, whose own limit was looked at already."""


@dataclass(frozen=True, slots=True)
class RemoteError:
    """An error that happened in a child process."""

    error_class: str
    message: str
    traceback: str
    frame: str = ""
    facts: ErrorFacts = field(default_factory=lambda: ErrorFacts(frozenset()))


def succeeded(facts: AttemptFacts, value: Any, run_ms: float) -> Ended:
    """The handler returned `value`."""
    encoded = ""
    if value is not None:
        try:
            encoded = encode_value(to_json(value))
        except (TypeError, ValueError):
            encoded = encode_value(_UNSERIALIZABLE)
    return Ended(
        "finished",
        facts.job,
        facts.kind,
        facts.started_s,
        facts.wait_ms,
        run_ms,
        return_value=encoded,
    )


def raised(
    facts: AttemptFacts, error: BaseException | RemoteError, run_ms: float, rng: random.Random
) -> Ended:
    """The handler raised `error`: an outcome of its own choice, or a failure."""
    ended = _ended(facts, run_ms)
    if is_broker_trouble(error):
        pause_ms = rng.randint(*_BROKER_PAUSE_MS)
        reason = _line(f"it waits for Redis: {_message(error)}")
        return ended._replace(outcome="snoozed", delay_ms=pause_ms, error=reason)
    match error:
        case Snooze():
            due_ms = int(error.until.timestamp() * 1000)
            return ended._replace(outcome="snoozed", due_ms=due_ms, error=_line(error.reason))
        case Cancel():
            return ended._replace(outcome="canceled", error=_line(error.reason))
        case RemoteError():
            ended = ended._replace(
                error_class=error.error_class,
                error=_line(error.message),
                exc_string=deflate_text(error.traceback),
                fingerprint=fingerprint(error.error_class, error.message, error.frame),
            )
        case _:
            text, frame = handler_traceback(error)
            message = error_text(error)
            ended = ended._replace(
                error_class=type(error).__name__,
                error=_line(message),
                exc_string=deflate_text(text),
                fingerprint=fingerprint(type(error).__name__, message, frame),
            )
    return _tried_again(facts, error, ended, rng)


def is_broker_trouble(error: BaseException | RemoteError) -> bool:
    """Whether Redis did not serve the handler: no fault of the job, and no attempt of it.

    Its follow-up jobs may be missing, so it runs again, however often.
    """
    if isinstance(error, RemoteError):
        return BrokerUnavailableError.__name__ in error.facts.names
    return isinstance(error, BrokerUnavailableError)


def _message(error: BaseException | RemoteError) -> str:
    return error.message if isinstance(error, RemoteError) else error_text(error)


def _tried_again(
    facts: AttemptFacts, error: BaseException | RemoteError, ended: Ended, rng: random.Random
) -> Ended:
    """Whether and when a failed attempt is followed by another one."""
    of_error = error.facts if isinstance(error, RemoteError) else error_facts(error)
    ended = ended._replace(fault=_is_fault(error, of_error, facts.breaker))
    if isinstance(error, DeadLetter):
        return ended._replace(outcome="failed")
    rule = None if isinstance(error, Retry) else facts.policy.rule_for(of_error)
    if rule is not None and rule.action != "retry":
        return ended._replace(outcome="failed", without_letter=rule.action == "never")
    if facts.job.attempt >= facts.policy.attempts and not isinstance(error, StockRetry):
        return ended._replace(outcome="failed")
    if isinstance(error, Retry) and error.after is not None:
        delay_s = max(0.0, error.after.total_seconds())
    elif rule is not None and rule.after_s is not None:
        delay_s = rule.after_s
    else:
        delay_s = facts.policy.delay_s(facts.job.attempt, rng)
    # A server that says when to come back is not asked sooner.
    delay_s = max(delay_s, of_error.retry_after_s or 0.0)
    return ended._replace(outcome="retried", delay_ms=int(delay_s * 1000))


def _is_fault(
    error: BaseException | RemoteError, facts: ErrorFacts, breaker: Breaker | None
) -> bool:
    """Whether the provider failed, and not the job."""
    if isinstance(error, Outcome):
        return isinstance(error, Retry) and error.fault
    if facts.status is not None:
        return facts.status == 429 or facts.status >= 500
    return breaker is not None and not facts.names.isdisjoint(breaker.errors)


def quarantined(facts: AttemptFacts, reason: str) -> Ended:
    """The job can never run here: not allowed, unreadable or of an unknown kind."""
    return _ended(facts, 0.0)._replace(
        outcome="quarantined",
        error_class="Quarantined",
        error=_line(reason),
        exc_string=deflate_text(f"Quarantined: {reason}"),
        fingerprint=fingerprint("Quarantined", reason),
    )


def released(facts: AttemptFacts, run_ms: float) -> Ended:
    """The worker stops: the job goes back to the front, and no attempt was used."""
    return _ended(facts, run_ms)._replace(outcome="released", error="the worker was stopped")


def stock_policy(stock_retry: str, attempt: int) -> RetryPolicy:
    """The policy of a stock RQ job, from its fields ``retries_left|retry_intervals``.

    RQ counts down what we count up (rq/job.py, get_retry_interval): of fewer intervals than
    retries, the first is the one that is used again.
    """
    retries, _, intervals = stock_retry.partition("|")
    parts = [part.strip() for part in intervals.strip("[] ").split(",")]
    delays = [float(whole(part)) for part in parts if part.isdigit()] or [0.0]
    left = whole(retries) - (attempt - 1)
    delay_s = delays[min(max(len(delays) - left, 0), len(delays) - 1)]
    return RetryPolicy(whole(retries) + 1, "list", delays_s=(delay_s,), jitter=False)


def wait_ms(enqueued_at: str, now_ms: int) -> float:
    """How long a job waited, from RQ's text form of when it was enqueued; 0 when unreadable."""
    try:
        enqueued = datetime.fromisoformat(enqueued_at)
    except ValueError:
        return 0.0
    if enqueued.tzinfo is None:
        return 0.0
    return min(max(0.0, now_ms - enqueued.timestamp() * 1000), _LONGEST_MS)


def _ended(facts: AttemptFacts, run_ms: float) -> Ended:
    return Ended(
        "failed", facts.job, facts.kind, facts.started_s, facts.wait_ms, run_ms, org=facts.org
    )


def _line(text: str) -> str:
    # Lone surrogates (undecodable bytes in an error's text) could not be written as JSON.
    return " ".join(text.split())[:_MAX_ERROR].encode("utf-8", "replace").decode()
