"""Requests as the providers send them, signed with keys of the tests."""

import base64
import hashlib
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from standardwebhooks.webhooks import Webhook
from twilio.request_validator import RequestValidator

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
URL = "https://gym.example/webhooks/twilio?gym=1"
_KEY = ec.derive_private_key(20_260_304, ec.SECP256R1())
PUBLIC_KEY = base64.b64encode(
    _KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
).decode()
RESEND_SECRET = "whsec_" + base64.b64encode(b"a secret of the tests").decode()
TOKEN = "0123456789abcdef0123456789abcdef"
VARIABLES = {
    "SENDGRID_WEBHOOK_PUBLIC_KEY": PUBLIC_KEY,
    "RESEND_WEBHOOK_SECRET": RESEND_SECRET,
    "TWILIO_AUTH_TOKEN": TOKEN,
}
Request = tuple[str, dict[str, str], bytes, str]


def sendgrid(*events: Any, at: datetime = NOW, body: bytes | None = None) -> Request:
    body = json.dumps(events).encode() if body is None else body
    timestamp = str(int(at.timestamp()))
    signature = _KEY.sign(timestamp.encode() + body, ec.ECDSA(SHA256()))
    headers = {
        "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
        "X-Twilio-Email-Event-Webhook-Timestamp": timestamp,
    }
    return "sendgrid", headers, body, "https://gym.example/webhooks/sendgrid"


def event(kind: str, number: int = 1, **fields: Any) -> dict[str, Any]:
    return {
        "email": "ana@example.com",
        "timestamp": int(NOW.timestamp()),
        "smtp-id": "<14c5d75ce93.dfd.64b469@ismtpd-555>",
        "event": kind,
        "sg_event_id": f"event{number}-{kind}",
        "sg_message_id": "sg1.filter0001.16648.5515E0B88.0",
    } | fields


def resend(kind: str, ident: str = "msg_1", at: datetime = NOW, **fields: Any) -> Request:
    data = {
        "created_at": "2026-03-04T11:59:58.894719+00:00",
        "email_id": "re1",
        "from": "Iron Works <hello@iron.example>",
        "to": ["ana@example.com"],
        "subject": "Hello",
    } | fields
    body = json.dumps({"type": kind, "created_at": "2026-03-04T11:59:59.126Z", "data": data})
    headers = {
        "svix-id": ident,
        "svix-timestamp": str(int(at.timestamp())),
        "svix-signature": "v1,b3RoZXI= " + Webhook(RESEND_SECRET).sign(ident, at, body),
    }
    return "resend", headers, body.encode(), "https://gym.example/webhooks/resend"


def status(name: str, sid: str = "SM1", url: str = URL, **fields: str) -> Request:
    form = {
        "AccountSid": "AC1", "MessageSid": sid, "SmsSid": sid, "MessageStatus": name,
        "SmsStatus": name, "To": "+447700900123", "From": "+447700900999",
    } | fields  # fmt: skip
    return _twilio(form, url)


def incoming(text: str, sid: str = "SM9", sender: str = "+447700900123", to: str = "+447700900999",
             **fields: str) -> Request:  # fmt: skip
    form = {
        "AccountSid": "AC1", "MessageSid": sid, "SmsStatus": "received", "Body": text,
        "From": sender, "To": to, "NumMedia": "0",
    } | fields  # fmt: skip
    return _twilio(form, URL)


def _twilio(form: dict[str, str], url: str) -> Request:
    headers = {
        "X-Twilio-Signature": RequestValidator(TOKEN).compute_signature(url, form),
        "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
    }
    return "twilio", headers, urlencode(form).encode(), url


def twilio_json(data: Any) -> Request:
    body = json.dumps(data).encode()
    url = f"{URL}&bodySHA256={hashlib.sha256(body).hexdigest()}"
    headers = {
        "X-Twilio-Signature": RequestValidator(TOKEN).compute_signature(url, {}),
        "Content-Type": "application/json",
    }
    return "twilio", headers, body, url
