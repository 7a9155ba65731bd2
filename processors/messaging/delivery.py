"""Sending a job's messages, each once, however often and wherever the job runs."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from processors.database.engine import Database
from processors.database.models import Message, utc_now
from processors.messaging.ledger import Draft, Origin, begin_call, end_call, reserve
from processors.senders.refusals import is_of_recipient
from processors.senders.sender import (
    AmbiguousError,
    Guarantee,
    NotSentError,
    OutgoingMessage,
    RateLimitedError,
    RejectedError,
    Sender,
    SendError,
    UnavailableError,
)
from runtime.outcomes import Snooze

# A call that began longer ago than this is over, whatever became of it: senders time out before.
CALL_LIMIT = timedelta(seconds=90)
# Providers keep an idempotency key for 24 hours (resend.com/docs, "Idempotency Keys").
KEY_LIFETIME = timedelta(hours=23)
# With less time than this left before the job's own limit, no further call is begun.
_MARGIN = timedelta(seconds=25)

ToMessage = Callable[[Message], OutgoingMessage]


@dataclass(slots=True)
class Tally:
    """How a job's messages stand.

    Attributes:
        retry_after_s: the longest wait a provider asked for.
        again: reasons why some must be tried again.
        fault: some because the provider is away, whatever the message.
        failed: reasons why some will not be delivered, or are not known to be.
        unreachable: how many of these are about the recipient alone.
    """

    sent: int = 0
    rejected: int = 0
    unknown: int = 0
    retry_after_s: float | None = None
    fault: bool = False
    again: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    unreachable: int = 0

    @property
    def total(self) -> int:
        """All recipients."""
        return self.sent + self.rejected + self.unknown + len(self.again)

    def count(self, status: str, error: str | None, code: str | None = None) -> None:
        """Add a message that is in a final state."""
        if status == "sent":
            self.sent += 1
            return
        if status == "unknown":
            self.unknown += 1
        else:
            self.rejected += 1
            self.unreachable += is_of_recipient(code)
        self.failed.append(error or status)

    def outputs(self) -> dict[str, int]:
        """The counts, as a job's or a step's result."""
        return {"sent": self.sent, "rejected": self.rejected, "unknown": self.unknown}


@dataclass(frozen=True, slots=True)
class Attempt:
    """What delivery needs to know of the attempt it is part of."""

    number: int
    is_last: bool
    deadline: datetime


def deliver(
    database: Database,
    sender: Sender,
    origin: Origin,
    drafts: Sequence[Draft],
    *,
    to_message: ToMessage,
    attempt: Attempt,
    tell: Callable[[Tally], None] = lambda _tally: None,
) -> Tally:
    """Send what is not sent yet, through a sender that calls a provider.

    Args:
        database: the ledger's.
        sender: KEYED or KEYLESS.
        origin: what the messages are sent for.
        drafts: one a recipient.
        to_message: a row as the sender takes it.
        attempt: of the job.
        tell: called after each recipient.

    Raises:
        Snooze: another attempt is calling right now, or time runs out; uses no attempt.
        DatabaseUnavailableError: the ledger cannot be written.
    """
    with database.write() as session:
        rows = list(
            reserve(
                session, origin, drafts, provider=sender.name, status="reserved", now=utc_now()
            ).values()
        )
    refused = {draft.recipient for draft in drafts if draft.refused}
    tally = Tally()
    calls = _Calls(database, sender, to_message, attempt)
    busy: list[datetime] = []
    for row in rows:
        if row.recipient in refused:
            tally.count(row.status, row.error, row.error_code)
        elif (until := calls.deliver_one(row, tally)) is not None:
            busy.append(until)
        tell(tally)
    if busy:
        raise Snooze(max(busy), reason=f"{len(busy)} messages are being sent by another attempt")
    return tally


class _Calls:
    """The calls of one attempt."""

    def __init__(
        self, database: Database, sender: Sender, to_message: ToMessage, attempt: Attempt
    ) -> None:
        self._database = database
        self._sender = sender
        self._to_message = to_message
        self._attempt = attempt

    def deliver_one(self, row: Message, tally: Tally) -> datetime | None:
        """Try one message; if another attempt calls now, the time by which that must end."""
        now = utc_now()
        if row.status == "calling":
            began = row.calling_at or row.created_at
            if self._sender.guarantee is not Guarantee.KEYED:
                if now < began + CALL_LIMIT:
                    return began + CALL_LIMIT
                self._declare_unknown(row, tally)
                return None
            if now > began + KEY_LIFETIME:
                self._declare_unknown(row, tally)
                return None
        elif row.status in ("sent", "unknown") or (
            # A first attempt finds a rejected message only when an operator retried the job: the
            # provider took nothing then, so it may be asked again.
            row.status == "rejected" and self._attempt.number > 1
        ):
            tally.count(row.status, row.error, row.error_code)
            return None
        if now > self._attempt.deadline - _MARGIN and tally.total:
            raise Snooze(now, reason=f"{tally.sent} messages sent so far; the rest follows")
        token = uuid.uuid4()
        with self._database.write() as session:
            mine = begin_call(session, row.id, seen=row.status, token=token, now=now)
        if not mine:
            return now + CALL_LIMIT
        self._call(row, token, tally)
        return None

    def _call(self, row: Message, token: uuid.UUID, tally: Tally) -> None:
        try:
            provider_id = self._sender.send(self._message(row))
        except SendError as error:
            self._failed(row, token, error, tally)
            return
        except Exception as error:  # noqa: BLE001 - whatever a sender forgot to foresee
            said = " ".join(str(error).split())[:200]
            reason = f"the sender failed: {type(error).__name__}: {said}"
            self._failed(row, token, AmbiguousError(reason), tally)
            return
        self._end(row, token, status="sent", provider_id=provider_id, sent_at=datetime.now(UTC))
        tally.count("sent", None)

    def _message(self, row: Message) -> OutgoingMessage:
        try:
            return self._to_message(row)
        except Exception as error:
            raise NotSentError(f"the message cannot be made: {error}") from error

    def _failed(self, row: Message, token: uuid.UUID, error: SendError, tally: Tally) -> None:
        keyed = self._sender.guarantee is Guarantee.KEYED
        reason = error.reason
        status: str | None = None
        if isinstance(error, RejectedError):
            status = "rejected"
        elif isinstance(error, AmbiguousError):
            if not keyed or self._attempt.is_last:
                status, reason = "unknown", f"{reason}; it may have been delivered"
        elif isinstance(error, RateLimitedError) and self._attempt.is_last:
            status, reason = "rejected", f"{reason}; given up after {self._attempt.number} attempts"
        if status is not None:
            self._end(row, token, status=status, error=reason, error_code=error.code)
            tally.count(status, reason, error.code)
            return
        if isinstance(error, RateLimitedError) and error.retry_after_s is not None:
            tally.retry_after_s = max(tally.retry_after_s or 0.0, error.retry_after_s)
        # Also on the last attempt: it counts for none when the provider's breaker opens. When it
        # does not, the dead letter closes the message (processors.dead_letters.settling).
        tally.fault = tally.fault or isinstance(error, UnavailableError | AmbiguousError)
        tally.again.append(reason)
        if isinstance(error, RateLimitedError | UnavailableError | NotSentError):
            self._end(row, token, status="reserved", error=reason, error_code=error.code)
        else:
            # The provider may have it: stay in "calling", to be repeated with the same key.
            self._end(row, token, error=reason, error_code=error.code)

    def _declare_unknown(self, row: Message, tally: Tally) -> None:
        reason = "the worker was lost while the provider was called; it may have been delivered"
        if row.call_token is not None:
            self._end(row, row.call_token, status="unknown", error=reason)
        tally.count("unknown", reason)

    def _end(self, row: Message, token: uuid.UUID, **values: object) -> None:
        with self._database.write() as session:
            end_call(session, row.id, token=token, **values)
