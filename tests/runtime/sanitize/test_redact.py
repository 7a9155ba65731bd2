"""Redaction: secrets by name and by look, addresses and numbers of people."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.sanitize.redact import HIDDEN, mask_url, redact_payload, redact_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("nothing to hide", "nothing to hide"),
        ("to jane.doe+gym@mail.example.com now", "to j***@mail.example.com now"),
        ("<jo@example.org>", "<j***@example.org>"),
        ("call +447700900112!", "call +44********12!"),
        ("+14155550123,+4915112345678", "+14*******23,+49*********78"),
        ("order 447700900112", "order 447700900112"),
        ("redis://svc:pa:ss@host/0", "redis://***@host/0"),
        ("password=hunter2 user=jo", f"password={HIDDEN} user=jo"),
        ("DB_PASSWORD = hunter2", f"DB_PASSWORD = {HIDDEN}"),
        ('{"api_key": "a b", "n": 1}', f'{{"api_key": {HIDDEN}, "n": 1}}'),
        ("authToken='x y'", f"authToken={HIDDEN}"),
        ("tokens=5 in the bucket", "tokens=5 in the bucket"),
        ("Authorization: Bearer abcdefghijklmnop", f"Authorization: {HIDDEN} {HIDDEN}"),
        ("sent Bearer abcdefghijklmnop", f"sent Bearer {HIDDEN}"),
        ("AC" + "0123456789abcdef" * 2, HIDDEN),
        ("key SG." + "a" * 22 + "." + "b" * 43, f"key {HIDDEN}"),
        ("re_" + "A1b2" * 6, HIDDEN),
        ("sk_live_" + "a1" * 12, HIDDEN),
        ("AKIA" + "ABCD1234" * 2, HIDDEN),
        ("eyJ" + "a" * 20 + ".eyJ" + "b" * 20 + ".sig-nature_1", HIDDEN),
        ("-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----", HIDDEN),
        ("re_enter the gym", "re_enter the gym"),
    ],
)
def test_text(text: str, shown: str):
    assert redact_text(text) == shown


def test_payload_by_key_name_and_pattern():
    payload = {
        "to": ["jane@example.com", "+447700900112"],
        "phone": "07700 900112",
        "whatsapp": "call me",
        "password": "x",
        "authToken": 12345,
        "session-id": ["a", "b"],
        "credentials": {"user": "u"},
        "lead": {"email": "jo@example.org", "apiKey": "k", "first_name": "Jo", "visits": 3},
        "token": None,
        "secret": False,
        "tokens_used": 4,
        "body": "your password: hunter2",
    }
    shown = redact_payload(payload)
    assert shown == {
        "to": ["j***@example.com", "+44********12"],
        "phone": "07*** ****12",
        "whatsapp": "call me",
        "password": HIDDEN,
        "authToken": HIDDEN,
        "session-id": HIDDEN,
        "credentials": HIDDEN,
        "lead": {"email": "j***@example.org", "apiKey": HIDDEN, "first_name": "Jo", "visits": 3},
        "token": None,
        "secret": False,
        "tokens_used": 4,
        "body": f"your password: {HIDDEN}",
    }
    assert payload["password"] == "x"


def test_payload_nested_beyond_reason_is_hidden():
    deep: dict[str, object] = {"password": "x", "note": "bottom"}
    for _ in range(200):
        deep = {"in": deep}
    assert "bottom" not in json.dumps(redact_payload(deep))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://h:6379/0", "redis://h:6379/0"),
        ("redis://u:p@h/0", "redis://***@h/0"),
        ("redis://:p@ss/w@h/0", "redis://***@h/0"),
        ("unix:///run/redis.sock?db=1", "unix:///run/redis.sock?db=1"),
        ("sqlite:////var/lib/a.db", "sqlite:////var/lib/a.db"),
        ("postgresql://u@h/db?password=x&sslmode=require",
         "postgresql://***@h/db?password=***&sslmode=require"),
        ("secret without scheme", HIDDEN),
    ],
)  # fmt: skip
def test_urls(url: str, shown: str):
    assert mask_url(url) == shown


@given(st.from_regex(r"[a-zA-Z0-9]{8,30}", fullmatch=True))
def test_a_secret_after_its_name_never_survives(secret: str):
    for text in (f"password={secret}", f'"api_key": "{secret}"', f"https://u:{secret}@host/"):
        assert secret not in redact_text(f"before {text} after")
    assert secret not in str(redact_payload({"client_secret": secret}))


@given(st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner,
                                                                max_size=3),
    max_leaves=10,
))  # fmt: skip
def test_any_payload_can_be_redacted_and_stays_json(value: object):
    assert json.dumps(redact_payload({"value": value}))


def test_hostile_text_costs_linear_time():
    pieces = ("a", "a.", "a@", "password", "password='", "+", "+44", "eyJ", "api_", "x://",
              "-----BEGIN PRIVATE KEY-----", "Bearer ", "token=\\")  # fmt: skip
    started = time.process_time()
    for piece in pieces:
        redact_text(piece * (20_000 // len(piece)))
    # Measured: 0.3 s for all; a quadratic pattern takes minutes.
    assert time.process_time() - started < 10
