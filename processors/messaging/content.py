"""What a job's messages say, to whom, and as whom: its drafts. Blocking."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from sqlalchemy.orm import Session

from processors.addresses.phone import e164
from processors.crm.organisations import country_of
from processors.database.models import Organisation
from processors.errors import DefinitionError
from processors.messaging.ledger import Draft
from processors.messaging.outgoing import email_options, text_options
from processors.messaging.personal import Limits, needs_filling, personal
from processors.payloads.base import MAX_BODY
from processors.payloads.messaging import MAX_SMS, MAX_WHATSAPP, SendEmail, SendSms, SendWhatsapp
from processors.resources import resources_of
from processors.senders.identity import Identity, identity_of
from processors.senders.refusals import NO_VALUE
from processors.senders.sender import Channel, File
from processors.templates.rendering import render
from runtime.context import JobContext

_Send = SendEmail | SendSms | SendWhatsapp
_EMAIL = Limits(MAX_BODY)
_NO_CONTENT: Mapping[str, Any] = MappingProxyType({})
_TEXTS = {"sms": Limits(MAX_SMS), "whatsapp": Limits(MAX_WHATSAPP)}


def files_of(payload: _Send) -> list[File]:
    """The attachments of a job's e-mail."""
    if not isinstance(payload, SendEmail):
        return []
    return [File(f.filename, f.content, f.content_type) for f in payload.attachments]


def email_drafts(ctx: JobContext, payload: SendEmail) -> list[Draft]:
    """One draft a recipient.

    Raises:
        TemplateError: the template does not exist or cannot be rendered.
        DefinitionError: the organisation's settings cannot be used.
    """
    is_html = payload.text is None
    if payload.template is not None:
        body = render("email", payload.template, payload.template_data).body
    else:
        body = payload.html or payload.text or ""
    with resources_of(ctx).database.read() as session:
        identity = _identity(session.get(Organisation, ctx.org))
        sender = payload.from_ or identity.mailbox(resources_of(ctx).from_email)
        own = bool(payload.from_ or identity.from_email)
        options = email_options(
            identity, reply_to=payload.reply_to, is_html=is_html, own=own,
            files=len(payload.attachments),
        )  # fmt: skip

        def draft(to: str) -> Draft:
            return Draft(
                "email", to, body, payload.subject, sender,
                contact_id=payload.contact_id, options=options,
            )  # fmt: skip

        # One address in two spellings is one recipient.
        drafts = [*{to.casefold(): draft(to) for to in payload.to}.values()]
        drafts += _refused(payload, "email", body)
        if payload.template is None and needs_filling(body, payload.subject):
            drafts = personal(
                session, ctx.org, drafts, limits=_EMAIL, now=ctx.now(), is_html=is_html
            )
    return drafts


def sms_drafts(ctx: JobContext, payload: SendSms) -> list[Draft]:
    """One draft a number.

    Raises:
        DefinitionError: the organisation's settings cannot be used.
    """
    return _text_drafts(ctx, payload, "sms", payload.message)


def whatsapp_drafts(ctx: JobContext, payload: SendWhatsapp) -> list[Draft]:
    """One draft a number.

    Raises:
        TemplateError, DefinitionError: as `email_drafts`.
    """
    body = payload.message or ""
    if payload.template is not None:
        body = render("whatsapp", payload.template, payload.template_data).body.strip()
    if payload.content_sid is None:
        return _text_drafts(ctx, payload, "whatsapp", body)
    values = "".join(f"; {name}: {value}" for name, value in payload.content_variables.items())
    return _text_drafts(
        ctx, payload, "whatsapp", f"template {payload.content_sid}{values}",
        {"content_sid": payload.content_sid, "content_variables": payload.content_variables},
    )  # fmt: skip


def _text_drafts(
    ctx: JobContext,
    payload: SendSms | SendWhatsapp,
    channel: Channel,
    body: str,
    content: Mapping[str, Any] = _NO_CONTENT,
) -> list[Draft]:
    with resources_of(ctx).database.read() as session:
        organisation = session.get(Organisation, ctx.org)
        identity = _identity(organisation)
        country = _country(session, organisation)
        drafts = [
            replace(draft, options={**draft.options, **content})
            for draft in _numbers(payload, channel, body, identity, country)
        ]
        drafts += _refused(payload, channel, body)
        if not content and needs_filling(body):
            drafts = personal(session, ctx.org, drafts, limits=_TEXTS[channel], now=ctx.now())
    return drafts


def _numbers(
    payload: SendSms | SendWhatsapp, channel: Channel, body: str, identity: Identity, country: str
) -> Sequence[Draft]:
    """One draft a number, in its one spelling; what is no number is refused."""
    sender, options = identity.number(channel), text_options(identity, channel)
    drafts: dict[str, Draft] = {}
    for number in payload.to:
        try:
            normal = e164(number, country)
        except ValueError as error:
            drafts[number] = Draft(channel, number, body, refused=str(error))
        else:
            drafts[normal] = Draft(
                channel, normal, body, sender=sender,
                contact_id=payload.contact_id, options=options,
            )  # fmt: skip
    return [*drafts.values()]


def _country(session: Session, organisation: Organisation | None) -> str:
    if organisation is None:
        return str(session.info["default_country"])
    return country_of(organisation)


def _identity(organisation: Organisation | None) -> Identity:
    if organisation is None:
        return Identity()
    try:
        return identity_of(organisation.settings)
    except ValueError as error:
        raise DefinitionError(f"the settings of {organisation.id}: {error}") from error


def _refused(payload: _Send, channel: Channel, body: str) -> list[Draft]:
    """The recipients that the workflow's step could not address."""
    return [
        Draft(channel, name, body, refused=reason, code=NO_VALUE)
        for name, reason in payload.refused.items()
    ]
