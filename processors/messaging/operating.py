"""What operators do with messages of which nobody knows whether they were sent."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy.orm import Session

from processors.database.engine import Database
from processors.database.models import Message
from processors.database.prefixes import NoSuchRowError, find_by_prefix
from processors.messaging.closing import close_for
from processors.messaging.reconciling import make_copy
from processors.messaging.resending import resend_job
from runtime.client import NewJob

# As many characters of an id are enough, if they name one message.
LEAST = 8
_MOST = 5
# Writes an operator's change of a message into the audit.
Record = Callable[[Message], None]


def _unrecorded(_row: Message) -> None:
    """For changes that somebody else records."""


class MessageError(Exception):
    """An operator's wish that cannot be met; one line."""


def find(session: Session, ident: str, *, lock: bool = False) -> Message:
    """The message of an id, or of its first characters.

    Raises:
        MessageError: there is none, or there are several.
    """
    try:
        return find_by_prefix(session, Message, ident, "message", lock=lock)
    except NoSuchRowError as error:
        raise MessageError(str(error)) from None


def confirm(
    database: Database, ident: str, *, actor: str, now: datetime, record: Record = _unrecorded
) -> list[NewJob]:
    """Declare an unknown message sent; the jobs to enqueue for what waits for it.

    Args:
        database: the ledger's.
        ident: of the message, or its first characters.
        actor: who says so.
        now: the time.
        record: writes it into the audit; if it raises, nothing is changed.

    Raises:
        MessageError: there is none, or it is not unknown.
        DatabaseUnavailableError: the database did not answer.
    """
    with database.write() as session:
        row = find(session, ident, lock=True)
        if row.status != "unknown":
            raise MessageError(f"message {row.id} is {row.status}, not unknown")
        row.status, row.sent_at, row.error_code = "sent", row.calling_at or now, None
        row.error = f"confirmed by {actor}"
        jobs = close_for(session, row, now)
        session.flush()
        record(row)
        return jobs


def resend(
    database: Database, ident: str, *, now: datetime, record: Record = _unrecorded
) -> tuple[Message, NewJob]:
    """Reserve a message that was not sent, or is not known to be; and the job that sends it.

    Should the job be lost on its way to Redis, `reconcile_messages` enqueues it again. The
    arguments are those of `confirm`.

    Raises:
        MessageError: there is none, it was sent or is on its way, or it had attachments.
        DatabaseUnavailableError: the database did not answer.
    """
    with database.write() as session:
        row = find(session, ident, lock=True)
        if row.status not in ("unknown", "rejected", "suppressed"):
            raise MessageError(f"message {row.id} is {row.status}: it is not sent again")
        if (row.options or {}).get("files"):
            raise MessageError(
                f"message {row.id} had attachments, which are not kept; "
                f"retry its job: atlas jobs retry {row.job_id}"
            )
        make_copy(row, now)
        session.flush()
        record(row)
        return row, resend_job(row)
