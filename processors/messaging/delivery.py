"""Sending a job's messages, each once, however often and wherever the job runs."""

import asyncio
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from processors.database.engine import Database
from processors.database.models import Message
from processors.messaging.ledger import Draft, begin_call, end_call
from processors.messaging.tally import Tally
from processors.senders.route import Route
from processors.senders.sender import (
    AmbiguousError,
    DelayedError,
    Guarantee,
    NotSentError,
    OutgoingMessage,
    RateLimitedError,
    RejectedError,
    Sender,
    SendError,
    StoppedError,
    UnavailableError,
)
from runtime.outcomes import Snooze

# A call that began longer ago than this is over, whatever became of it: senders time out before.
CALL_LIMIT = timedelta(seconds=90)
# Providers keep an idempotency key for 24 hours (resend.com/docs, "Idempotency Keys").
KEY_LIFETIME = timedelta(hours=23)
# With less time than this left before the job's own limit, no further call is begun: no call of a
# sender takes longer.
_MARGIN = timedelta(seconds=45)
# An unreachable handset: so often, and so much later (twilio.com/docs/api/errors/30003).
MAX_DELAYS = 2
_DELAY_MIN = 30

ToMessage = Callable[[Message], OutgoingMessage]
Suppress = Callable[[Session, Message, str], None]


@dataclass(frozen=True, slots=True)
class Attempt:
    """What delivery needs to know of the attempt it is part of.

    Attributes:
        now: reads the time.
    """

    number: int
    is_last: bool
    deadline: datetime
    now: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Work:
    """What to deliver.

    Attributes:
        rows: reserves the messages, with what is known now of who must not be written to; one a
            recipient. Blocking.
        to_message: a row as the sender takes it.
        suppress: keeps an address from getting anything further, for the given reason.
        tell: called after each recipient.
    """

    rows: Callable[[], Sequence[tuple[Draft, Message]]]
    to_message: ToMessage
    suppress: Suppress
    tell: Callable[[Tally], None] = lambda _tally: None


async def deliver(database: Database, route: Route, work: Work, attempt: Attempt) -> Tally:
    """Send what is not sent yet, through the providers of a channel.

    Raises:
        Snooze: another attempt is calling right now, or time runs out; uses no attempt.
        DatabaseUnavailableError: the ledger cannot be written.
    """
    pairs = await asyncio.to_thread(work.rows)
    tally = Tally()
    calls = _Calls(database, route, work, attempt)
    busy: list[datetime] = []
    for draft, row in pairs:
        if draft.closed and row.status == draft.closed:
            tally.count(row.status, row.error, row.error_code)
        elif draft.deferred_until and row.status == "reserved":
            tally.later.append((draft.deferred_until, draft.deferred_for))
        elif (until := await calls.deliver_one(row, draft, tally)) is not None:
            busy.append(until)
        work.tell(tally)
    if busy:
        raise Snooze(max(busy), reason=f"{len(busy)} messages are being sent by another attempt")
    return tally


class _Calls:
    """The calls of one attempt."""

    def __init__(self, database: Database, route: Route, work: Work, attempt: Attempt) -> None:
        self._database = database
        self._route = route
        self._work = work
        self._attempt = attempt

    async def deliver_one(self, row: Message, draft: Draft, tally: Tally) -> datetime | None:
        """Try one message; if another attempt calls now, the time by which that must end."""
        now = self._attempt.now()
        if self._is_over(row):
            tally.count(row.status, row.error, row.error_code)
            return None
        if row.status == "reserved" and row.delays and now < (until := _delayed_until(row)):
            tally.later.append((until, row.error or "the recipient could not be reached"))
            return None
        sender: Sender | None = self._route.choose()
        seen = row.status
        if seen == "calling":
            began = row.calling_at or row.created_at
            sender = self._repeats(row, now - began)
            if sender is None and now < began + CALL_LIMIT:
                return began + CALL_LIMIT
            if sender is None or draft.reason:
                await self._declare_unknown(row, draft.reason, tally)
                return None
        if now > self._attempt.deadline - _MARGIN and tally.total:
            raise Snooze(now, reason=f"{tally.sent} messages sent so far; the rest follows")
        while sender is not None:
            token = uuid.uuid4()
            if not await self._begin(row, sender, seen, token):
                return now + CALL_LIMIT
            sender = await self._call(row, sender, token, tally, repeats=seen == "calling")
            seen = "reserved"
        return None

    def _is_over(self, row: Message) -> bool:
        # A first attempt finds a message rejected or suppressed only when an operator retried the
        # job: nothing was taken then, so that the provider may be asked again.
        if row.status in ("rejected", "suppressed"):
            return self._attempt.number > 1
        return row.status in ("sent", "unknown")

    def _repeats(self, row: Message, age: timedelta) -> Sender | None:
        """Who may be asked again by the same key; nobody else may get this message."""
        sender = self._route.named(row.provider)
        is_keyed = sender is not None and sender.guarantee is Guarantee.KEYED
        return sender if is_keyed and age <= KEY_LIFETIME else None

    async def _call(
        self, row: Message, sender: Sender, token: uuid.UUID, tally: Tally, *, repeats: bool
    ) -> Sender | None:
        """Call; the sender to ask next, if this one certainly took nothing and is away."""
        try:
            message = self._message(row)
            provider_id = await sender.send(message)
        except SendError as error:
            return await self._failed(row, sender, token, error, tally, repeats=repeats)
        except Exception as error:  # noqa: BLE001 - whatever a sender forgot to foresee
            said = " ".join(str(error).split())[:200]
            lost = AmbiguousError(f"the sender failed: {type(error).__name__}: {said}")
            return await self._failed(row, sender, token, lost, tally, repeats=repeats)
        self._route.succeeded(sender)
        await self._end(row, token, status="sent", provider_id=provider_id, sent_at=self._now())
        tally.count("sent", None)
        return None

    def _message(self, row: Message) -> OutgoingMessage:
        try:
            return self._work.to_message(row)
        except SendError:
            raise
        except Exception as error:
            raise NotSentError(f"the message cannot be made: {error}") from error

    async def _failed(
        self,
        row: Message,
        sender: Sender,
        token: uuid.UUID,
        error: SendError,
        tally: Tally,
        *,
        repeats: bool,
    ) -> Sender | None:
        error = self._of_organisation(row, error)
        following = self._route.failed(sender, error)
        # An earlier call may have been taken: that this one was not says nothing about that one.
        if following is not None and not repeats:
            await self._end(row, token, status="reserved", error=error.reason)
            return following
        ended = self._final(row, sender, error, repeats=repeats)
        if ended is not None:
            status, reason = ended
            if row.copies and status == "rejected":
                status, reason = "unknown", f"{reason}; the one before may have been delivered"
            await self._end(
                row, token, suppress=getattr(error, "suppress", None),
                status=status, error=reason, error_code=error.code,
            )  # fmt: skip
            tally.count(status, reason, error.code)
            return None
        values: dict[str, Any] = {"error": error.reason, "error_code": error.code}
        if not repeats and not isinstance(error, AmbiguousError):
            values["status"] = "reserved"
        if isinstance(error, DelayedError):
            values["delays"] = row.delays + 1
            tally.later.append((self._now() + _delay_of(row), error.reason))
        else:
            self._again(error, tally)
        await self._end(row, token, **values)
        return None

    def _final(
        self, row: Message, sender: Sender, error: SendError, *, repeats: bool
    ) -> tuple[str, str] | None:
        """The final state of a message after an error, and why; None to try again."""
        reason, is_last = error.reason, self._attempt.is_last
        may_have_it = repeats or isinstance(error, AmbiguousError)
        given_up = f"{reason}; given up after {self._attempt.number} attempts"
        if isinstance(error, RejectedError):
            return "rejected", reason
        if isinstance(error, DelayedError) and row.delays >= MAX_DELAYS:
            return "rejected", f"{reason}; given up after {row.delays + 1} attempts"
        if isinstance(error, AmbiguousError) and sender.guarantee is not Guarantee.KEYED:
            return "unknown", f"{reason}; it may have been delivered"
        if not is_last or not isinstance(error, AmbiguousError | RateLimitedError):
            return None
        return ("unknown", f"{reason}; it may have been delivered") if may_have_it else (
            "rejected", given_up
        )  # fmt: skip

    def _of_organisation(self, row: Message, error: SendError) -> SendError:
        """A refusal of an organisation's own sender stops nobody else."""
        if not isinstance(error, StoppedError) or not error.of_sender:
            return error
        if not self._message(row).own_sender:
            return error
        return RejectedError(f"the organisation's own sender: {error.reason}", code=error.code)

    def _again(self, error: SendError, tally: Tally) -> None:
        if isinstance(error, RateLimitedError) and error.retry_after_s is not None:
            tally.retry_after_s = max(tally.retry_after_s or 0.0, error.retry_after_s)
        # Also on the last attempt: it counts for none when the provider's breaker opens. When it
        # does not, the dead letter closes the message (processors.dead_letters.settling).
        tally.fault = tally.fault or isinstance(error, UnavailableError | AmbiguousError)
        tally.again.append(error.reason)

    async def _declare_unknown(self, row: Message, withheld: str | None, tally: Tally) -> None:
        reason = "the worker was lost while the provider was called; it may have been delivered"
        if withheld:
            reason += f"; it is not sent again: {withheld}"
        if row.call_token is not None:
            await self._end(row, row.call_token, status="unknown", error=reason)
        tally.count("unknown", reason)

    def _now(self) -> datetime:
        return self._attempt.now()

    async def _begin(self, row: Message, sender: Sender, seen: str, token: uuid.UUID) -> bool:
        def begin() -> bool:
            with self._database.write() as session:
                return begin_call(
                    session, row.id, seen=seen, provider=sender.name, token=token, now=self._now()
                )

        return await asyncio.to_thread(begin)

    async def _end(
        self, row: Message, token: uuid.UUID, *, suppress: str | None = None, **values: object
    ) -> None:
        def end() -> None:
            with self._database.write() as session:
                end_call(session, row.id, token=token, **values)
                if suppress is not None:
                    self._work.suppress(session, row, suppress)

        await asyncio.to_thread(end)


def _delay_of(row: Message) -> timedelta:
    """30 to 60 minutes, the same for a message each time, so that they do not come together."""
    return timedelta(minutes=_DELAY_MIN + row.id.int % (_DELAY_MIN + 1))


def _delayed_until(row: Message) -> datetime:
    return (row.calling_at or row.created_at) + _delay_of(row)
