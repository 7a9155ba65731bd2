"""Resend's webhooks: one event each, signed as Standard Webhooks has it, in svix's headers.

Sources: resend.com/docs/dashboard/webhooks/event-types, standardwebhooks.com.
"""

import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook

from processors.errors import WebhookError
from processors.webhooks.event import Event, Inbound, text_of
from processors.webhooks.timing import require_recent

_DELIVERY = {
    "email.sent": "sent",
    "email.delivered": "delivered",
    "email.opened": "opened",
    "email.clicked": "clicked",
    "email.failed": "failed",
    "email.suppressed": "failed",
    "email.complained": "complained",
}
_OTHERS = frozenset(
    {"email.delivery_delayed", "email.bounced", "email.received", "email.scheduled"}
)
_MAX_TOKENS = 20


def verify(headers: Mapping[str, str], body: bytes, *, secret: str, now: datetime) -> None:
    """Refuse what Resend did not sign, or not just now.

    Args:
        headers: by lower-case name.
        body: as it arrived.
        secret: of the webhook, ``whsec_…``.
        now: aware.

    Raises:
        WebhookError: the signature is missing, wrong or old.
    """
    ident, timestamp, signatures = (_header(headers, name) for name in _NAMES)
    if not ident or not timestamp or not signatures:
        raise WebhookError("resend: the signature is missing")
    require_recent("resend", timestamp, now)
    try:
        at = datetime.fromtimestamp(int(timestamp), UTC)
        # The library's own check reads the host's clock; what is signed, and how, is its business.
        expected = Webhook(secret).sign(ident, at, body.decode())
    except UnicodeDecodeError:
        raise WebhookError("resend: the body is not UTF-8") from None
    except (EmptyWebhookSecretError, ValueError):
        raise WebhookError("resend: RESEND_WEBHOOK_SECRET is no secret of a webhook") from None
    given = signatures.split(" ")[:_MAX_TOKENS]
    if not any(hmac.compare_digest(expected.encode(), each.encode()) for each in given):
        raise WebhookError("resend: the signature is wrong")


_NAMES = ("id", "timestamp", "signature")


def _header(headers: Mapping[str, str], name: str) -> str:
    return headers.get(f"svix-{name}") or headers.get(f"webhook-{name}") or ""


def ident_of(headers: Mapping[str, str]) -> str:
    """The event's id: the same for each attempt to deliver it."""
    return _header(headers, "id")


def read(data: Mapping[str, Any]) -> Event:
    """An event; its id was put beside its own fields, see `ident_of`.

    Raises:
        ValueError: it lacks what every event has; one line.
    """
    ident, kind = text_of(data, "svix_id", limit=200), text_of(data, "type", limit=60)
    about = data.get("data")
    if ident is None or kind is None or not isinstance(about, Mapping):
        raise ValueError("it has no id, no type or no data")
    delivery, suppression, reason = _DELIVERY.get(kind), None, None
    if kind == "email.bounced":
        bounce = about.get("bounce")
        bounce = bounce if isinstance(bounce, Mapping) else {}
        # Without a type it is what the event's name says: refused for good.
        is_hard = (text_of(bounce, "type") or "Permanent").lower() == "permanent"
        delivery, suppression = ("bounced", "hard_bounce") if is_hard else ("failed", None)
        reason = text_of(bounce, "message")
    elif kind == "email.complained":
        suppression = "complaint"
    elif kind == "email.failed":
        failed = about.get("failed")
        reason = text_of(failed, "reason") if isinstance(failed, Mapping) else None
    click = about.get("click")
    to = _first(about.get("to"))
    return Event(
        id=ident,
        type=kind,
        channel="email",
        occurred_at=_moment(text_of(data, "created_at")),
        provider_id=text_of(about, "email_id", limit=200),
        address=to,
        delivery=delivery,
        suppression=suppression,
        reason=reason,
        link=text_of(click, "link", limit=2_000) if isinstance(click, Mapping) else None,
        inbound=_inbound(about, to) if kind == "email.received" else None,
        is_known=kind in _DELIVERY or kind in _OTHERS,
        data=data,
    )


def _inbound(about: Mapping[str, Any], to: str | None) -> Inbound:
    sender = text_of(about, "from", limit=520)
    if sender is None or to is None:
        raise ValueError("it says not who wrote to whom")
    return Inbound(sender, to, text_of(about, "subject") or "")


def _first(value: Any) -> str | None:
    found = value[0] if isinstance(value, list) and value else value
    return found.strip()[:520] if isinstance(found, str) and found.strip() else None


def _moment(text: str | None) -> datetime:
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        raise ValueError("its created_at is no time") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
