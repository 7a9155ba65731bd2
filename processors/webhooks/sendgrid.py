"""SendGrid's Event Webhook: a signed JSON array of events.

Sources: twilio.com/docs/sendgrid/for-developers/tracking-events/event, and
.../getting-started-event-webhook-security-features (ECDSA over timestamp and raw body).
"""

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from processors.errors import WebhookError
from processors.webhooks.event import Event, text_of
from processors.webhooks.timing import require_recent

_SIGNATURE = "x-twilio-email-event-webhook-signature"
_TIMESTAMP = "x-twilio-email-event-webhook-timestamp"
_DELIVERY = {
    "processed": "sent",
    "delivered": "delivered",
    "open": "opened",
    "click": "clicked",
    "dropped": "failed",
    "spamreport": "complained",
}
_OTHERS = frozenset({"deferred", "bounce", "unsubscribe", "group_unsubscribe", "group_resubscribe"})
# Why SendGrid dropped a message: it knew of the address what we did not.
_DROPPED = {
    "bounced address": "hard_bounce",
    "invalid": "invalid",
    "spam reporting address": "complaint",
    "unsubscribed address": "unsubscribe",
}
_SUPPRESSIONS = {
    "spamreport": "complaint",
    "unsubscribe": "unsubscribe",
    "group_unsubscribe": "unsubscribe",
}


def verify(headers: Mapping[str, str], body: bytes, *, public_key: str, now: datetime) -> None:
    """Refuse what SendGrid did not sign, or not just now.

    Args:
        headers: by lower-case name.
        body: as it arrived.
        public_key: SendGrid's verification key: base64 of its DER form.
        now: aware.

    Raises:
        WebhookError: the signature is missing, wrong or old.
    """
    timestamp, signature = headers.get(_TIMESTAMP), headers.get(_SIGNATURE)
    if not timestamp or not signature:
        raise WebhookError("sendgrid: the signature is missing")
    require_recent("sendgrid", timestamp, now)
    key = read_key(public_key)
    try:
        signed = base64.b64decode(signature, validate=True)
        key.verify(signed, timestamp.encode() + body, ec.ECDSA(SHA256()))
    except (InvalidSignature, binascii.Error, ValueError):
        raise WebhookError("sendgrid: the signature is wrong") from None


def read_key(text: str) -> ec.EllipticCurvePublicKey:
    """The verification key as SendGrid shows it.

    Raises:
        WebhookError: it is none.
    """
    try:
        key = load_der_public_key(base64.b64decode(text, validate=True))
    except (ValueError, binascii.Error):
        key = None
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise WebhookError("sendgrid: SENDGRID_WEBHOOK_PUBLIC_KEY is no verification key")
    return key


def read(data: Mapping[str, Any]) -> Event:
    """One event of the array.

    Raises:
        ValueError: it lacks what every event has; one line.
    """
    ident, kind = text_of(data, "sg_event_id", limit=200), text_of(data, "event", limit=60)
    if ident is None or kind is None:
        raise ValueError("it has no sg_event_id or no event")
    reason = text_of(data, "reason", "response")
    delivery, suppression = _DELIVERY.get(kind), _SUPPRESSIONS.get(kind)
    if kind == "bounce":
        # "blocked" is a refusal of this message; the address is good.
        is_hard = data.get("type") != "blocked"
        delivery, suppression = ("bounced", "hard_bounce") if is_hard else ("failed", None)
    elif kind == "dropped":
        suppression = _DROPPED.get((reason or "").lower())
    sent_as = text_of(data, "sg_message_id", limit=300)
    return Event(
        id=ident,
        type=kind,
        channel="email",
        occurred_at=_moment(data.get("timestamp")),
        message=text_of(data, "message_id", limit=60),
        # What the API answered is the part before the first dot.
        provider_id=sent_as.partition(".")[0] if sent_as else None,
        address=text_of(data, "email", limit=320),
        delivery=delivery,
        suppression=suppression,
        resubscribed=kind == "group_resubscribe",
        reason=reason,
        link=text_of(data, "url", limit=2_000) if kind == "click" else None,
        is_known=kind in _DELIVERY or kind in _OTHERS,
        data=data,
    )


def _moment(value: Any) -> datetime:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("its timestamp is no number")  # noqa: TRY004 - one family
    try:
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, OSError, ValueError):
        raise ValueError("its timestamp is out of range") from None
