"""A message as its sender takes it, from its row in the ledger."""

from collections.abc import Sequence
from typing import Any, cast

from processors.database.models import Message
from processors.payloads.messaging import SendEmail, SendSms, SendWhatsapp
from processors.senders.identity import Identity
from processors.senders.sender import Channel, File, OutgoingMessage


def email_options(identity: Identity, payload: SendEmail, *, is_html: bool) -> dict[str, Any]:
    """What sending an e-mail needs beside its row's columns; attachments are counted, not kept."""
    return _options(
        payload,
        reply_to=payload.reply_to or identity.reply_to,
        is_html=is_html,
        own_sender=bool(payload.from_ or identity.from_email),
        files=len(payload.attachments),
    )


def text_options(
    identity: Identity, channel: Channel, payload: SendSms | SendWhatsapp
) -> dict[str, Any]:
    """What sending a text message needs beside its row's columns."""
    service = identity.service(channel)
    own = {"service": service, "own_sender": bool(service or identity.number(channel))}
    if isinstance(payload, SendSms):
        return _options(payload, **own)
    return _options(
        payload,
        **own,
        free_text=payload.message is not None,
        content_sid=payload.content_sid,
        content_variables=payload.content_variables,
    )


def _options(payload: SendEmail | SendSms | SendWhatsapp, **values: Any) -> dict[str, Any]:
    if payload.not_after is not None:
        values["not_after"] = payload.not_after.isoformat()
    return {name: value for name, value in values.items() if value}


def outgoing(row: Message, files: Sequence[File] = ()) -> OutgoingMessage:
    """The message of a row."""
    options = row.options or {}
    return OutgoingMessage(
        id=row.id,
        channel=cast("Channel", row.channel),
        org=row.org_id,
        recipient=row.recipient,
        body=row.body,
        subject=row.subject,
        sender=row.sender,
        reply_to=options.get("reply_to"),
        is_html=options.get("is_html", False),
        text=options.get("text"),
        headers=options.get("headers", {}),
        attachments=files,
        service=options.get("service"),
        content_sid=options.get("content_sid"),
        content_variables=options.get("content_variables", {}),
        own_sender=options.get("own_sender", False),
        copy=row.copies,
    )
