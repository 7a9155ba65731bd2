"""Who of a message's recipients must not, or not yet, be written to: asked at each attempt."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from processors.compliance.deciding import Allow, Decision, Defer, Recipient, Sending, decide_each
from processors.compliance.recording import Statement, suppress
from processors.crm.repository.opening import repository_of
from processors.crm.repository.protocol import Record
from processors.database.models import Message, Organisation
from processors.messaging.ledger import Draft, Purpose
from processors.payloads.messaging import SendEmail, SendSms, SendWhatsapp
from processors.senders.sender import Channel


@dataclass(frozen=True, slots=True)
class Terms:
    """What decides whether a message may leave, beside whom it is for.

    Attributes:
        not_after: of no use afterwards.
        is_free_text: of WhatsApp: no approved template.
    """

    org: str
    channel: Channel
    purpose: Purpose
    not_after: datetime | None = None
    is_free_text: bool = False

    @classmethod
    def of(
        cls, org: str, payload: SendEmail | SendSms | SendWhatsapp, drafts: Sequence[Draft]
    ) -> "Terms":
        """Those of a job's drafts, which have one channel and one purpose."""
        is_marketing = any(draft.purpose == "marketing" for draft in drafts)
        purpose: Purpose = "marketing" if is_marketing else "transactional"
        is_free_text = isinstance(payload, SendWhatsapp) and payload.message is not None
        return cls(org, drafts[0].channel, purpose, payload.not_after, is_free_text)


def permitted(
    session: Session,
    terms: Terms,
    drafts: Sequence[Draft],
    *,
    key: Callable[[Channel, str], str],
    now: datetime,
) -> list[Draft]:
    """The drafts, with what is known now of those that must not leave, or not yet.

    Args:
        session: any transaction.
        terms: of the messages.
        drafts: one a recipient.
        key: a message's place when many are put off, from its channel and recipient.
        now: the time.

    Raises:
        DefinitionError: the organisation's rules cannot be kept.
    """
    organisation = session.get(Organisation, terms.org)
    if organisation is None:
        # The rules that hold where nothing else is said.
        organisation = Organisation(id=terms.org, name="", timezone="UTC", settings={})
    sending = Sending(
        organisation, terms.channel, terms.purpose, terms.not_after, terms.is_free_text
    )
    needs_contact = terms.purpose == "marketing" or terms.is_free_text
    recipients = [
        Recipient(
            draft.recipient,
            key(draft.channel, draft.recipient),
            _contact(session, terms.org, draft) if needs_contact else None,
        )
        for draft in drafts
    ]
    decisions = decide_each(session, sending, recipients, now=now)
    return [_decided(draft, each) for draft, each in zip(drafts, decisions, strict=True)]


def _contact(session: Session, org: str, draft: Draft) -> Record | None:
    if draft.refused:
        return None
    repository = repository_of(session)
    if draft.contact_id is not None:
        found = repository.get(org, "contact", draft.contact_id)
        if found is not None:
            return found
    is_email = draft.channel == "email"
    return repository.find_contact(
        org,
        email=draft.recipient if is_email else None,
        phone=None if is_email else draft.recipient,
    )


def _decided(draft: Draft, decision: Decision) -> Draft:
    if draft.refused or isinstance(decision, Allow):
        return draft
    if isinstance(decision, Defer):
        return replace(draft, deferred_until=decision.until, deferred_for=decision.reason)
    return replace(draft, suppressed=decision.reason, code=decision.code)


def note_refusal(session: Session, row: Message, reason: str, now: datetime) -> None:
    """Nothing further goes to an address that a provider refuses for good."""
    if session.get(Organisation, row.org_id) is None:
        return
    statement = Statement(row.channel, row.recipient, row.provider, now, row.contact_id)
    suppress(session, row.org_id, statement, reason, now=now, detail=f"message {row.id}")
