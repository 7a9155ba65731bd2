"""Twilio's webhooks: status callbacks, and messages to our numbers; forms, signed with the URL.

Sources: twilio.com/docs/usage/security (X-Twilio-Signature; bodySHA256 for JSON),
twilio.com/docs/messaging/guides/track-outbound-message-status,
twilio.com/docs/messaging/guides/webhook-request (incoming; OptOutType).
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, get_args
from urllib.parse import SplitResult, parse_qs, parse_qsl, urlsplit

from processors.errors import WebhookError
from processors.senders.error_classes import rule_of
from processors.webhooks.event import Channel, Event, Inbound, Keyword, text_of
from processors.webhooks.keywords import keyword_of

_SIGNATURE = "x-twilio-signature"
_MAX_FIELDS = 500
_DELIVERY = {
    "sent": "sent",
    "delivered": "delivered",
    "read": "opened",
    "partially_delivered": "failed",
    "undelivered": "failed",
    "failed": "failed",
    "canceled": "failed",
}
_OTHERS = frozenset({"accepted", "scheduled", "queued", "sending", "receiving", "received"})
_PREFIX = "whatsapp:"


def verify(headers: Mapping[str, str], body: bytes, url: str, *, token: str) -> None:
    """Refuse what Twilio did not sign. Its signature has no time: repeats are told by their id.

    Args:
        headers: by lower-case name.
        body: as it arrived.
        url: as Twilio called it, with its query.
        token: of the account.

    Raises:
        WebhookError: the signature is missing or wrong.
    """
    signature = headers.get(_SIGNATURE)
    if not signature:
        raise WebhookError("twilio: the signature is missing")
    parts = urlsplit(url)
    fields: list[tuple[str, str]] = []
    if (digest := parse_qs(parts.query).get("bodySHA256")) is not None:
        found = hashlib.sha256(body).hexdigest()
        if not hmac.compare_digest(found.encode(), digest[0].encode()):
            raise WebhookError("twilio: the body is not the one that was signed")
    else:
        fields = form_of(body)
    expected = [_signature(each, fields, token) for each in _spellings(url, parts)]
    if not any(hmac.compare_digest(each.encode(), signature.encode()) for each in expected):
        raise WebhookError("twilio: the signature is wrong")


def form_of(body: bytes) -> list[tuple[str, str]]:
    """The fields of a form.

    Raises:
        WebhookError: it is none.
    """
    try:
        text = body.decode()
        return parse_qsl(
            text, keep_blank_values=True, strict_parsing=bool(text), max_num_fields=_MAX_FIELDS
        )
    except ValueError:
        raise WebhookError("twilio: the body is no form") from None


def _signature(url: str, fields: Iterable[tuple[str, str]], token: str) -> str:
    signed = url + "".join(name + value for name, value in sorted(set(fields)))
    digest = hmac.new(token.encode(), signed.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def _spellings(url: str, parts: SplitResult) -> list[str]:
    """With and without the port, since Twilio signs either."""
    host = parts.netloc.rpartition("@")[2]
    bare, colon, port = host.rpartition(":")
    if colon and port.isdigit():
        return [url, url.replace(host, bare, 1)]
    return [url, url.replace(host, f"{host}:{443 if parts.scheme == 'https' else 80}", 1)]


def read(data: Mapping[str, Any], received_at: datetime) -> Event:
    """A status callback or a message to us.

    Raises:
        ValueError: it lacks what every report has; one line.
    """
    sid = text_of(data, "MessageSid", "SmsSid", "SmsMessageSid", limit=60)
    status = (text_of(data, "MessageStatus", "SmsStatus", limit=40) or "").lower()
    to, sender = text_of(data, "To", limit=60), text_of(data, "From", limit=60)
    if sid is None or not (status or "Body" in data):
        raise ValueError("it has no MessageSid, or neither MessageStatus nor Body")
    channel = _channel(to, sender)
    if "MessageStatus" not in data and ("Body" in data or status == "received"):
        return _incoming(data, sid, channel, received_at)
    code = text_of(data, "ErrorCode", limit=20)
    rule = rule_of("twilio", 400, code) if code and _DELIVERY.get(status) == "failed" else None
    return Event(
        id=f"{sid}:{status}",
        type=status,
        channel=channel,
        occurred_at=received_at,
        provider_id=sid,
        address=_bare(to),
        delivery=_DELIVERY.get(status),
        suppression=rule.reason if rule is not None else None,
        reason=_reason(code, rule.meaning if rule is not None else "", data),
        is_known=status in _DELIVERY or status in _OTHERS,
        data=data,
    )


def _incoming(data: Mapping[str, Any], sid: str, channel: Channel, received_at: datetime) -> Event:
    sender, to = _bare(text_of(data, "From")), _bare(text_of(data, "To"))
    if sender is None or to is None:
        raise ValueError("it says not who wrote to whom")
    text = text_of(data, "Body", limit=4_096) or ""
    # With Advanced Opt-Out Twilio has judged the text itself, by the words that were set there.
    said = (text_of(data, "OptOutType") or "").lower()
    keyword: Keyword | None = next((word for word in get_args(Keyword) if word == said), None)
    inbound = Inbound(sender, to, text, keyword or keyword_of(text))
    return Event(
        id=f"{sid}:received",
        type="received",
        channel=channel,
        occurred_at=received_at,
        provider_id=sid,
        address=sender,
        inbound=inbound,
        data=data,
    )


def _reason(code: str | None, meaning: str, data: Mapping[str, Any]) -> str | None:
    said = text_of(data, "ErrorMessage") or meaning
    return " ".join(part for part in (code, said) if part) or None


def _channel(*addresses: str | None) -> Channel:
    return "whatsapp" if any(a and a.startswith(_PREFIX) for a in addresses) else "sms"


def _bare(address: str | None) -> str | None:
    return address.removeprefix(_PREFIX) if address else None
