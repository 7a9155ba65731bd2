"""E-mail by Resend (resend.com/docs/api-reference/emails/send-email)."""

import base64
import re
from typing import Any

from processors.senders.error_classes import refusal
from processors.senders.http_api import Answer, HttpApi
from processors.senders.mail import parts_of
from processors.senders.sender import AmbiguousError, Guarantee, OutgoingMessage, SendError
from runtime.catalogue.error_facts import parse_retry_after

# "Invalid `to` field …": of all messages of a validation error the one about the recipient.
_ABOUT_TO = re.compile(r"`to`")


class ResendSender:
    """Resend replays its answer for an Idempotency-Key that it saw within 24 hours."""

    name = "resend"
    guarantee = Guarantee.KEYED

    def __init__(self, key: str, base_url: str, *, total_s: float = 20.0) -> None:
        self._api = HttpApi(
            "Resend", base_url, headers={"Authorization": f"Bearer {key}"}, total_s=total_s
        )

    async def send(self, message: OutgoingMessage, /) -> str | None:
        """Deliver; Resend's id.

        Raises:
            SendError: see `processors.senders.sender`.
        """
        answer = await self._api.call(
            "POST", "/emails", json=_body(message), headers={"Idempotency-Key": message.key}
        )
        provider_id = answer.data.get("id")
        if answer.is_success and isinstance(provider_id, str):
            return provider_id
        raise _error(answer)

    async def check(self) -> str:
        """Ask with the key; one that may only send is told from a wrong one.

        Raises:
            SendError: Resend refuses the key.
        """
        answer = await self._api.call("GET", "/domains")
        if answer.is_success or answer.data.get("name") == "restricted_api_key":
            return f"{self._api.host} accepts the key"
        raise _error(answer)


def _body(message: OutgoingMessage) -> dict[str, Any]:
    parts = parts_of(message)
    body: dict[str, Any] = {
        "from": _written(parts.author.name, parts.author.envelope),
        "to": [parts.recipient.envelope],
        "subject": parts.subject,
        "text": parts.text,
        "tags": [{"name": "message_id", "value": str(message.id)}],
    }
    if parts.html is not None:
        body["html"] = parts.html
    if parts.reply_to is not None:
        body["reply_to"] = _written(parts.reply_to.name, parts.reply_to.envelope)
    if parts.headers:
        body["headers"] = dict(parts.headers)
    if message.attachments:
        body["attachments"] = [
            {
                "filename": file.filename,
                "content": base64.b64encode(file.content).decode("ascii"),
                "content_type": file.content_type,
            }
            for file in message.attachments
        ]
    return body


def _written(name: str, address: str) -> str:
    """``Name <address>``; quotes keep a name with a comma one name."""
    if not name:
        return address
    quoted = re.sub(r'([\\"])', r"\\\1", name)
    return f'"{quoted}" <{address}>'


def _error(answer: Answer) -> SendError:
    if answer.is_success:
        return AmbiguousError("Resend's answer cannot be read", code=str(answer.status))
    name = answer.data.get("name")
    message = " ".join(str(answer.data.get("message") or "").split())[:300]
    code = name[:40] if isinstance(name, str) and name else None
    if code == "validation_error" and _ABOUT_TO.search(message):
        code = "validation_error:to"
    return refusal(
        "resend",
        answer.status,
        f"Resend says {answer.status} {message}".strip(),
        code=code,
        retry_after_s=parse_retry_after(answer.headers.get("Retry-After")),
    )
