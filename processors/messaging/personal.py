"""Texts that still hold variables: each is filled in for its recipient, or refused."""

import html
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from processors.crm.repository.opening import repository_of
from processors.crm.repository.protocol import Record
from processors.crm.scope import build_scope
from processors.errors import DefinitionError
from processors.messaging.ledger import Draft
from processors.senders.refusals import NO_VALUE
from processors.texts.interpolation import fill, has_variables


@dataclass(frozen=True, slots=True)
class Limits:
    """Most characters of a channel's body and of its subject."""

    body: int
    subject: int = 998


def needs_filling(*texts: str | None) -> bool:
    """True if a text still has variables in it."""
    return any(text is not None and has_variables(text) for text in texts)


def personal(
    session: Session,
    org: str,
    drafts: Iterable[Draft],
    *,
    limits: Limits,
    now: datetime,
    is_html: bool = False,
) -> list[Draft]:
    """The drafts with their variables filled in from the lead who has that address or number.

    A recipient of whom something is not known is refused, with the variable's name; the others
    get theirs.

    Args:
        session: any transaction.
        org: whose leads and whose name.
        drafts: one a recipient.
        limits: of the channel.
        now: the time that variables tell.
        is_html: the body is HTML, so that what is put in is escaped.
    """
    repository = repository_of(session)
    organisation = repository.organisation(org)
    escape: Callable[[str], str] = html.escape if is_html else str

    def filled(draft: Draft) -> Draft:
        is_email = draft.channel == "email"
        try:
            contact = repository.find_contact(
                org,
                email=draft.recipient if is_email else None,
                phone=None if is_email else draft.recipient,
            )
            return _filled(draft, organisation, contact, limits, escape=escape, now=now)
        except DefinitionError as error:
            return replace(draft, refused=str(error), code=NO_VALUE)

    return [draft if draft.refused else filled(draft) for draft in drafts]


def _filled(
    draft: Draft,
    organisation: Record | None,
    contact: Record | None,
    limits: Limits,
    *,
    escape: Callable[[str], str],
    now: datetime,
) -> Draft:
    scope = build_scope(
        organisation=organisation,
        contact=contact,
        trigger_type="",
        trigger_data={},
        variables={},
        outputs={},
        workflow={},
        now=now,
    )
    body = fill(draft.body, scope, escape=escape, limit=limits.body)
    subject = draft.subject and fill(draft.subject, scope, limit=limits.subject)
    return replace(draft, body=body, subject=subject and " ".join(subject.split()))
