"""What a job's messages say, to whom, and as whom: its drafts. Blocking."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from processors.addresses.phone import e164
from processors.compliance.rules import rules_of
from processors.content.files import MAX_BYTES, read_file
from processors.content.mail import EmailContent, email_content
from processors.content.text_message import text_content
from processors.content.unsubscribing import Leaving, has_way_out, way_out
from processors.crm.organisations import country_of
from processors.database.models import Organisation
from processors.errors import ContentError, DefinitionError
from processors.messaging.ledger import Draft, Purpose
from processors.messaging.outgoing import email_options, text_options
from processors.messaging.personal import Limits, needs_filling, personal
from processors.payloads.base import MAX_BODY
from processors.payloads.messaging import MAX_SMS, MAX_WHATSAPP, SendEmail, SendSms, SendWhatsapp
from processors.resources import resources_of
from processors.senders.identity import Identity, identity_of
from processors.senders.refusals import NO_VALUE
from processors.senders.sender import Channel, File
from processors.settings import CrmSettings
from processors.templates.rendering import Rendered
from processors.templates.resolving import resolve_template
from runtime.context import JobContext

_Send = SendEmail | SendSms | SendWhatsapp
_EMAIL = Limits(MAX_BODY)
_TEXTS = {"sms": Limits(MAX_SMS), "whatsapp": Limits(MAX_WHATSAPP)}
# Ours: the text cannot be sent as it is; a person should look.
_CONTENT = "content"


@dataclass(frozen=True, slots=True)
class _Text:
    """What a job says, before it says it to somebody.

    Attributes:
        needs_filling: it may hold variables of the recipient.
    """

    said: Rendered
    purpose: Purpose
    needs_filling: bool


def files_of(ctx: JobContext, payload: _Send) -> list[File]:
    """The attachments of a job's e-mail; those by name are read. Blocking.

    Raises:
        DefinitionError: one cannot be read, or they are too large together.
    """
    if not isinstance(payload, SendEmail):
        return []
    directory = resources_of(ctx).settings.of(CrmSettings).messaging.attachments_dir
    files: list[File] = []
    room = MAX_BYTES
    for each in payload.attachments:
        try:
            content = each.content
            if content is None:
                content = read_file(directory, ctx.org, each.file or "", room=room)
        except ContentError as error:
            raise DefinitionError(str(error)) from error
        room -= len(content)
        files.append(File(each.filename, content, each.content_type))
    return files


def email_drafts(ctx: JobContext, payload: SendEmail) -> list[Draft]:
    """One draft a recipient.

    Raises:
        TemplateError: the template does not exist or cannot be rendered.
        DefinitionError: the organisation's settings cannot be used.
    """
    with resources_of(ctx).database.read() as session:
        identity = _identity(session.get(Organisation, ctx.org))
        text = _email_text(session, ctx, payload)
        sender = payload.from_ or identity.mailbox(resources_of(ctx).from_email)
        options = email_options(identity, payload, is_html=text.said.is_html)

        def draft(to: str) -> Draft:
            return Draft(
                "email", to, text.said.body, payload.subject, sender, purpose=text.purpose,
                contact_id=payload.contact_id, options=options,
            )  # fmt: skip

        # One address in two spellings is one recipient.
        drafts = [*{to.casefold(): draft(to) for to in payload.to}.values()]
        drafts += _refused(payload, "email", text.said.body)
        if text.needs_filling and needs_filling(text.said.body, payload.subject):
            drafts = personal(
                session, ctx.org, drafts,
                limits=_EMAIL, now=ctx.now(), is_html=text.said.is_html,
            )  # fmt: skip
    return _composed(drafts, _email_composer(ctx, text))


def _email_text(session: Session, ctx: JobContext, payload: SendEmail) -> _Text:
    if payload.template is not None:
        return _from_template(session, ctx, payload, "email")
    is_html = payload.text is None
    said = Rendered(payload.html or payload.text or "", payload.subject, is_html=is_html)
    return _Text(said, payload.purpose, needs_filling=True)


def _email_composer(ctx: JobContext, text: _Text) -> Callable[[Draft], Draft]:
    """Makes the two texts and the headers of each draft; what many have in common once."""
    settings = resources_of(ctx).settings
    unsubscribe = settings.of(CrmSettings).unsubscribe
    # Elsewhere messages are tried out before there is a page to unsubscribe.
    needs_way_out = settings.environment == "production" or has_way_out(unsubscribe)
    made: dict[tuple[str, str], EmailContent] = {}

    def content_of(draft: Draft) -> EmailContent:
        is_marketing = text.purpose == "marketing" and needs_way_out
        leaving = Leaving(ctx.org, "email", draft.recipient)
        return email_content(
            subject=draft.subject or "",
            body=draft.body,
            is_html=text.said.is_html,
            is_trusted=text.said.is_trusted,
            out=way_out(unsubscribe, leaving) if is_marketing else None,
        )

    def compose(draft: Draft) -> Draft:
        key = (draft.subject or "", draft.body)
        content = made.get(key) or content_of(draft)
        if text.purpose != "marketing":
            made[key] = content
        options = dict(draft.options)
        if content.html is not None:
            options["text"] = content.text
        if content.headers:
            options["headers"] = dict(content.headers)
        body = content.text if content.html is None else content.html
        return replace(draft, body=body, subject=content.subject, options=options)

    return compose


def sms_drafts(ctx: JobContext, payload: SendSms) -> list[Draft]:
    """One draft a number.

    Raises:
        DefinitionError: the organisation's settings cannot be used.
    """
    with resources_of(ctx).database.read() as session:
        organisation = session.get(Organisation, ctx.org)
        said = Rendered(payload.message, "")
        text = _Text(said, payload.purpose, needs_filling=True)
        drafts = _text_drafts(session, ctx, payload, "sms", text)
        rules = rules_of(organisation or Organisation(id=ctx.org, settings={}))

    def compose(draft: Draft) -> Draft:
        content = text_content(
            draft.body, is_marketing=text.purpose == "marketing",
            stop_line=rules.stop_line, max_segments=rules.max_segments,
        )  # fmt: skip
        return replace(draft, body=content.body, segments=content.segments.count)

    return _composed(drafts, compose)


def whatsapp_drafts(ctx: JobContext, payload: SendWhatsapp) -> list[Draft]:
    """One draft a number.

    Raises:
        TemplateError, DefinitionError: as `email_drafts`.
    """
    with resources_of(ctx).database.read() as session:
        if payload.template is not None:
            text = _from_template(session, ctx, payload, "whatsapp")
        elif payload.content_sid is not None:
            values = "".join(
                f"; {name}: {each}" for name, each in payload.content_variables.items()
            )
            said = Rendered(f"template {payload.content_sid}{values}", "")
            text = _Text(said, payload.purpose, needs_filling=False)
        else:
            said = Rendered(payload.message or "", "")
            text = _Text(said, payload.purpose, needs_filling=True)
        return _text_drafts(session, ctx, payload, "whatsapp", text)


def _from_template(
    session: Session, ctx: JobContext, payload: SendEmail | SendWhatsapp, channel: Channel
) -> _Text:
    template = resolve_template(session, ctx.org, channel, payload.template or "")
    said = template.render(payload.template_data)
    if channel != "email":
        said = replace(said, body=said.body.strip())
    # What a template is for holds for whoever sends it.
    purpose: Purpose = payload.purpose if template.purpose != "marketing" else "marketing"
    return _Text(said, purpose, needs_filling=False)


def _text_drafts(
    session: Session,
    ctx: JobContext,
    payload: SendSms | SendWhatsapp,
    channel: Channel,
    text: _Text,
) -> list[Draft]:
    organisation = session.get(Organisation, ctx.org)
    identity, country = _identity(organisation), _country(session, organisation)
    drafts = [
        *_numbers(payload, channel, text, identity, country),
        *_refused(payload, channel, text.said.body),
    ]
    if text.needs_filling and needs_filling(text.said.body):
        return personal(session, ctx.org, drafts, limits=_TEXTS[channel], now=ctx.now())
    return drafts


def _numbers(
    payload: SendSms | SendWhatsapp, channel: Channel, text: _Text, identity: Identity, country: str
) -> Sequence[Draft]:
    """One draft a number, in its one spelling; what is no number is refused."""
    options = text_options(identity, channel, payload)
    body = text.said.body
    drafts: dict[str, Draft] = {}
    for number in payload.to:
        try:
            normal = e164(number, country)
        except ValueError as error:
            drafts[number] = Draft(channel, number, body, refused=str(error))
        else:
            drafts[normal] = Draft(
                channel, normal, body, sender=identity.number(channel), purpose=text.purpose,
                contact_id=payload.contact_id, options=options,
            )  # fmt: skip
    return [*drafts.values()]


def _composed(drafts: Sequence[Draft], compose: Callable[[Draft], Draft]) -> list[Draft]:
    """The drafts in the form in which they leave; one that cannot have it is refused."""
    found = []
    for draft in drafts:
        try:
            found.append(draft if draft.refused else compose(draft))
        except ContentError as error:
            found.append(replace(draft, refused=str(error), code=_CONTENT))
    return found


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
