"""E-mail by SendGrid's Web API v3 (twilio.com/docs/sendgrid/api-reference/mail-send)."""

import base64
import re
from typing import Any

from processors.addresses.mail_address import Mailbox
from processors.senders.error_classes import refusal
from processors.senders.http_api import Answer, HttpApi
from processors.senders.mail import Parts, parts_of
from processors.senders.sender import AmbiguousError, Guarantee, OutgoingMessage, SendError
from runtime.catalogue.error_facts import parse_retry_after


class SendGridSender:
    """Its API documents no idempotency key: a call whose answer is lost is not repeated.

    Each message carries its id as a custom argument, which comes back with every event of the
    Event Webhook.
    """

    name = "sendgrid"
    guarantee = Guarantee.KEYLESS

    def __init__(self, key: str, base_url: str, *, total_s: float = 20.0) -> None:
        self._api = HttpApi(
            "SendGrid", base_url, headers={"Authorization": f"Bearer {key}"}, total_s=total_s
        )

    async def send(self, message: OutgoingMessage, /) -> str | None:
        """Deliver; SendGrid's X-Message-Id.

        Raises:
            SendError: see `processors.senders.sender`.
        """
        answer = await self._api.call("POST", "/v3/mail/send", json=_body(message))
        if answer.status in (200, 202) and not answer.text.lstrip().startswith("<"):
            return answer.headers.get("X-Message-Id")
        raise _error(answer)

    async def check(self) -> str:
        """Ask what the key may do.

        Raises:
            SendError: SendGrid refuses the key, or it may not send.
        """
        answer = await self._api.call("GET", "/v3/scopes")
        if not answer.is_success:
            raise _error(answer)
        if "mail.send" not in answer.data.get("scopes", ()):
            raise refusal(self.name, 403, "SENDGRID_API_KEY may not send: it lacks mail.send")
        return f"{self._api.host} accepts the key"


def _body(message: OutgoingMessage) -> dict[str, Any]:
    parts = parts_of(message)
    body: dict[str, Any] = {
        "personalizations": [
            {"to": [_address(parts.recipient)], "custom_args": {"message_id": str(message.id)}}
        ],
        "from": _address(parts.author),
        "subject": parts.subject,
        "content": _content(parts),
    }
    if parts.reply_to is not None:
        body["reply_to"] = _address(parts.reply_to)
    if parts.headers:
        body["headers"] = dict(parts.headers)
    if message.attachments:
        body["attachments"] = [
            {
                "content": base64.b64encode(file.content).decode("ascii"),
                "filename": file.filename,
                "type": file.content_type,
                "disposition": "attachment",
            }
            for file in message.attachments
        ]
    return body


def _content(parts: Parts) -> list[dict[str, str]]:
    # The plain part stands first, or SendGrid refuses the message.
    content = [{"type": "text/plain", "value": parts.text}] if parts.text.strip() else []
    if parts.html is not None:
        content.append({"type": "text/html", "value": parts.html})
    return content or [{"type": "text/plain", "value": parts.text or " "}]


def _address(mailbox: Mailbox) -> dict[str, str]:
    address = {"email": mailbox.envelope}
    return address | {"name": mailbox.name} if mailbox.name else address


def _error(answer: Answer) -> SendError:
    if answer.is_success:
        return AmbiguousError("SendGrid's answer cannot be read", code=str(answer.status))
    first = _first(answer.data.get("errors"))
    field = re.sub(r"\.\d+", "", str(first.get("field") or "")) or None
    message = " ".join(str(first.get("message") or "").split())[:300]
    return refusal(
        "sendgrid",
        answer.status,
        f"SendGrid says {answer.status} {message}".strip(),
        code=field[:40] if field else None,
        retry_after_s=parse_retry_after(answer.headers.get("Retry-After")),
    )


def _first(errors: Any) -> dict[str, Any]:
    if isinstance(errors, list) and errors and isinstance(errors[0], dict):
        return errors[0]
    return {}
