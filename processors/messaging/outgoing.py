"""A message as its sender takes it, from its row in the ledger."""

from collections.abc import Sequence
from typing import Any, cast

from processors.database.models import Message
from processors.senders.identity import Identity
from processors.senders.sender import Channel, File, OutgoingMessage


def email_options(identity: Identity, *, reply_to: str | None, is_html: bool, own: bool,
                  files: int) -> dict[str, Any]:  # fmt: skip
    """What sending an e-mail needs beside its row's columns.

    Args:
        identity: of the organisation.
        reply_to: what the job names.
        is_html: of the body.
        own: the job or the organisation names the sender.
        files: how many attachments the job carries; they are not kept.
    """
    options = {
        "reply_to": reply_to or identity.reply_to,
        "is_html": is_html,
        "own_sender": own,
        "files": files,
    }
    return {name: value for name, value in options.items() if value}


def text_options(identity: Identity, channel: Channel) -> dict[str, Any]:
    """What sending a text message needs beside its row's columns."""
    service = identity.service(channel)
    own = bool(service or identity.number(channel))
    return {name: value for name, value in {"service": service, "own_sender": own}.items() if value}


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
