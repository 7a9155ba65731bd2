"""From a request to jobs: all that an HTTP server does with a webhook before it answers.

It verifies and enqueues; workers read and apply. What a provider has signed is never dropped: what
cannot be read is handed on as it is, and kept.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import SecretStr

from processors.errors import WebhookError
from processors.payloads.base import storable_json
from processors.payloads.webhooks import MAX_EVENTS, ProcessWebhook
from processors.recurring import SYSTEM_ORG
from processors.settings import CrmSettings
from processors.webhooks import resend, sendgrid, twilio
from processors.webhooks.event import Event
from runtime.client import NewJob

Provider = Literal["sendgrid", "resend", "twilio"]
PROVIDERS: tuple[Provider, ...] = ("sendgrid", "resend", "twilio")
# SendGrid sends at most 768 KB at a time.
MAX_BODY_BYTES = 1_000_000
_MAX_JOB_BYTES = 200_000
# What is kept of a report that cannot be read.
_MAX_KEPT = 20_000
UNREADABLE = "unreadable"


def accept(
    provider: str,
    headers: Mapping[str, str],
    body: bytes,
    url: str,
    *,
    settings: CrmSettings,
    now: datetime,
) -> list[NewJob]:
    """Verify a request, and make the jobs that apply it; their ids are those of its content.

    Args:
        provider: one of `PROVIDERS`.
        headers: of the request, in any case.
        body: as it arrived.
        url: as the provider called it, with its query; Twilio signs it.
        settings: with the secrets.
        now: when it arrived.

    Raises:
        WebhookError: it is not signed by the provider, is too large, or cannot be verified because
            the secret is not set; one line.
    """
    data = _verified(provider, headers, body, url, settings=settings, now=now)
    name: Any = provider
    jobs = []
    for number, events in enumerate(_parts(data)):
        payload = ProcessWebhook(provider=name, received_at=now, events=events)
        seal = f"{provider}:{number}:{now.isoformat()}:".encode() + body
        job_id = f"webhook-{provider}-{hashlib.sha256(seal).hexdigest()[:40]}"
        jobs.append(NewJob("process_webhook", SYSTEM_ORG, payload, job_id=job_id))
    return jobs


def read_events(
    provider: str,
    headers: Mapping[str, str],
    body: bytes,
    url: str,
    *,
    settings: CrmSettings,
    now: datetime,
) -> list[Event]:
    """Verify a request and read its events, without a queue or a database.

    Raises:
        WebhookError: as `accept`, and for what cannot be read.
    """
    data = _verified(provider, headers, body, url, settings=settings, now=now)
    try:
        return [read_event(provider, each, now) for each in data]
    except ValueError as error:
        raise WebhookError(f"{provider}: an event cannot be read: {error}") from None


def read_event(provider: str, data: Mapping[str, Any], received_at: datetime) -> Event:
    """One event from what `accept` put into a job.

    Raises:
        ValueError: it cannot be read; one line.
    """
    if UNREADABLE in data:
        raise ValueError("it is no JSON object")
    if provider == "sendgrid":
        return sendgrid.read(data)
    return resend.read(data) if provider == "resend" else twilio.read(data, received_at)


def _verified(
    provider: str,
    headers: Mapping[str, str],
    body: bytes,
    url: str,
    *,
    settings: CrmSettings,
    now: datetime,
) -> list[dict[str, Any]]:
    """The events of a request that the provider has signed."""
    if len(body) > MAX_BODY_BYTES:
        raise WebhookError(f"{provider[:20]}: {len(body)} bytes; allowed: {MAX_BODY_BYTES}")
    lower = {name.lower(): value for name, value in headers.items()}
    if provider == "sendgrid":
        key = _secret(settings.webhooks.sendgrid_public_key, "SENDGRID_WEBHOOK_PUBLIC_KEY")
        sendgrid.verify(lower, body, public_key=key, now=now)
        return _objects(_json(body))
    if provider == "resend":
        secret = _secret(settings.webhooks.resend_secret, "RESEND_WEBHOOK_SECRET")
        resend.verify(lower, body, secret=secret, now=now)
        return [{**each, "svix_id": resend.ident_of(lower)} for each in _objects([_json(body)])]
    if provider == "twilio":
        token = _secret(settings.messaging.twilio_auth_token, "TWILIO_AUTH_TOKEN")
        twilio.verify(lower, body, url, token=token)
        if "json" in lower.get("content-type", ""):
            return _objects([_json(body)])
        return _objects([dict(twilio.form_of(body))])
    raise WebhookError(f"{provider[:40]!r} sends no webhooks; allowed: {', '.join(PROVIDERS)}")


def _secret(value: SecretStr | None, name: str) -> str:
    if value is None:
        raise WebhookError(f"{name} is not set: its webhooks cannot be verified")
    return value.get_secret_value()


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body.decode(errors="replace")


def _objects(found: Any) -> list[dict[str, Any]]:
    """The events as objects that a job can carry; what is none is wrapped, and kept."""
    listed = found if isinstance(found, list) else [found]
    return [_object(each) for each in listed]


def _object(each: Any) -> dict[str, Any]:
    if isinstance(each, dict):
        try:
            storable_json(each)
            json.dumps(each, allow_nan=False)
        except ValueError:
            pass
        else:
            return each
    text = each if isinstance(each, str) else json.dumps(each)
    return {UNREADABLE: text.replace("\x00", "")[:_MAX_KEPT]}


def _parts(data: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    part: list[dict[str, Any]] = []
    size = 0
    for each in data:
        cost = len(json.dumps(each))
        if part and (len(part) >= MAX_EVENTS or size + cost > _MAX_JOB_BYTES):
            yield part
            part, size = [], 0
        part.append(each)
        size += cost
    if part:
        yield part
