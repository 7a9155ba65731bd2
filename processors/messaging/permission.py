"""Who of a message's recipients must not, or not yet, be written to: asked at each attempt."""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy.orm import Session

from processors.compliance.deciding import Allow, Decision, Defer, Recipient, Sending, decide_each
from processors.compliance.recording import Statement, suppress
from processors.crm.repository.opening import repository_of
from processors.crm.repository.protocol import Record, Repository
from processors.database.models import Message, Organisation
from processors.messaging.ledger import Draft, Origin
from processors.payloads.messaging import SendEmail, SendSms, SendWhatsapp
from processors.senders.sender import Channel
from runtime.context import JobContext


def permitted(
    session: Session,
    ctx: JobContext,
    payload: SendEmail | SendSms | SendWhatsapp,
    channel: Channel,
    drafts: Sequence[Draft],
) -> list[Draft]:
    """The drafts, with what is known now of those that must not leave, or not yet.

    Raises:
        DefinitionError: the organisation's rules cannot be kept.
    """
    organisation = session.get(Organisation, ctx.org)
    if organisation is None:
        # The rules that hold where nothing else is said.
        organisation = Organisation(id=ctx.org, name="", timezone="UTC", settings={})
    is_free_text = isinstance(payload, SendWhatsapp) and payload.message is not None
    sending = Sending(organisation, channel, payload.purpose, payload.not_after, is_free_text)
    needs_contact = payload.purpose == "marketing" or is_free_text
    origin = Origin.of(ctx, payload)
    recipients = [
        Recipient(
            draft.recipient,
            origin.effect_key(channel, draft.recipient),
            _contact(repository_of(session), ctx.org, draft) if needs_contact else None,
        )
        for draft in drafts
    ]
    decisions = decide_each(session, sending, recipients, now=ctx.now())
    return [_decided(draft, each) for draft, each in zip(drafts, decisions, strict=True)]


def _contact(repository: Repository, org: str, draft: Draft) -> Record | None:
    if draft.refused:
        return None
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


def note_refusal(session: Session, ctx: JobContext, row: Message, reason: str) -> None:
    """Nothing further goes to an address that a provider refuses for good."""
    if session.get(Organisation, row.org_id) is None:
        return
    now = ctx.now()
    statement = Statement(row.channel, row.recipient, row.provider, now, row.contact_id)
    suppress(session, row.org_id, statement, reason, now=now, detail=f"message {row.id}")
