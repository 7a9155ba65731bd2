"""Handler of record_consent, and what an unsubscribe link does."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from processors.compliance.recording import Statement, suppress
from processors.compliance.recording import record_consent as record
from processors.content.unsubscribing import Leaving, read_token
from processors.errors import ContentError
from processors.payloads.compliance import RecordConsent
from processors.resources import resources_of
from processors.settings import UnsubscribeSettings
from runtime.context import JobContext
from runtime.outcomes import DeadLetter


def record_consent(ctx: JobContext, payload: RecordConsent) -> dict[str, Any]:
    """Keep a consent or its withdrawal.

    Raises:
        DeadLetter: the organisation does not exist.
    """
    statement = Statement(
        payload.channel,
        payload.address,
        payload.source,
        payload.occurred_at,
        payload.contact_id,
        payload.wording,
    )
    with resources_of(ctx).database.write() as session:
        try:
            is_new = record(session, ctx.org, statement, payload.status, now=ctx.now())
        except ValueError as error:
            raise DeadLetter(str(error)) from error
    return {"recorded": is_new, "status": payload.status}


def leave_list(
    session: Session, settings: UnsubscribeSettings, token: str, *, now: datetime
) -> Leaving:
    """Do what the link in an e-mail says: no more marketing to that address. Harmless if repeated.

    Whoever answers HTTP requests calls it with the link's ``token``: for RFC 8058's POST, and for
    the button of the page that a GET shows. A GET alone must not: mail filters open links.

    Args:
        session: a write transaction.
        settings: by which the link was signed.
        token: of the link.
        now: when it was used.

    Raises:
        ContentError: the link is not one of ours, or its organisation is gone.
    """
    leaving = read_token(settings, token)
    statement = Statement(leaving.channel, leaving.address, "unsubscribe link", now)
    try:
        suppress(session, leaving.org, statement, "unsubscribe", now=now)
    except ValueError as error:
        raise ContentError(f"the unsubscribe link leads nowhere: {error}") from error
    return leaving
