"""How old a signed webhook may be."""

from datetime import datetime, timedelta

from processors.errors import WebhookError

# As svix and Standard Webhooks have it; against what was recorded and is played again.
TOLERANCE = timedelta(minutes=5)


def require_recent(provider: str, timestamp: str, now: datetime) -> None:
    """Refuse a timestamp (seconds since the epoch) that is not of these minutes.

    Raises:
        WebhookError: it is no number, or too far from `now`.
    """
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        raise WebhookError(f"{provider}: the timestamp of the signature is no number of seconds")
    if abs(int(timestamp) - now.timestamp()) > TOLERANCE.total_seconds():
        minutes = int(TOLERANCE.total_seconds() // 60)
        raise WebhookError(f"{provider}: the signature is more than {minutes} minutes off")
