"""Secrets and personal data, hidden before they reach a log, a description or a screen."""

import re
from collections.abc import Mapping
from typing import Any

HIDDEN = "[redacted]"
_MAX_DEPTH = 20

# By the name of a key: a secret is hidden whole, a person's number or address is masked.
_HIDDEN_NAMES = (
    "password|passwd|passphrase|pwd|secret|token|api[_-]?key|apikey|access[_-]?key|auth[_-]?key|"
    "private[_-]?key|signing[_-]?key|encryption[_-]?key|authorization|credentials?|cookie|session[_-]?id|"
    "card[_-]?number|cvc|cvv|iban|account[_-]?number|sort[_-]?code|ssn|date[_-]?of[_-]?birth|dob"
)
_HIDDEN_KEY = re.compile(rf"(?:^|[_.\- ])(?:{_HIDDEN_NAMES})(?:$|[_.\- ])", re.IGNORECASE)
_PHONE_KEY = re.compile(r"(?:^|[_.\- ])(?:phone|mobile|tel|telephone|msisdn|whatsapp)(?:$|[_.\- ])",
                        re.IGNORECASE)  # fmt: skip
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

# By what the text looks like. Every repetition is bounded or starts at a boundary, so that hostile
# text costs linear time.
_SECRETS = re.compile(
    r"""
    -----BEGIN\ [A-Z ]{0,30}PRIVATE\ KEY-----[\s\S]{0,10000}?-----END\ [A-Z ]{0,30}PRIVATE\ KEY-----
    | \bAC[0-9a-f]{32}\b | \bSK[0-9a-f]{32}\b                     # Twilio account, API key
    | \bSG\.[\w-]{16,64}\.[\w-]{16,64}                            # SendGrid
    | \bre_[A-Za-z0-9_]{16,64}\b                                  # Resend
    | \b(?:sk|rk|pk|whsec)_(?:live_|test_)?[A-Za-z0-9]{16,200}\b  # Stripe
    | \bEAA[A-Za-z0-9]{20,400}\b                                  # Meta (WhatsApp Cloud API)
    | \b(?:AKIA|ASIA)[A-Z0-9]{16}\b                               # AWS
    | \bgh[pousr]_[A-Za-z0-9]{20,255}\b | \bxox[abprs]-[\w-]{10,200}
    | \beyJ[\w-]{8,4000}\.[\w-]{8,4000}\.[\w-]{0,4000}            # JSON web token
    """,
    re.VERBOSE,
)
_SCHEME_TOKEN = re.compile(r"\b(Bearer|Basic)(\s{1,4})[A-Za-z0-9._~+/=-]{8,4000}", re.IGNORECASE)
_NAMED_SECRET = re.compile(
    rf"""((?:{_HIDDEN_NAMES})["']?\s{{0,3}}[=:]\s{{0,3}})
    ("(?:[^"\\]|\\.){{1,4000}}"|'(?:[^'\\]|\\.){{1,4000}}'|(?!\[redacted\])[^\s,;&"'()\]}}]{{1,4000}})""",
    re.IGNORECASE | re.VERBOSE,
)
_USERINFO = re.compile(r"(?<![a-z0-9+.-])([a-z][a-z0-9+.-]{1,20}://)[^\s/@]{1,500}@", re.IGNORECASE)
_EMAIL = re.compile(r"(?<![\w.+%-])([\w.+%-])[\w.+%-]{0,63}@([\w-]{1,63}(?:\.[\w-]{1,63}){1,8})")
_PHONE = re.compile(r"(?<![\w+])\+(\d{2})(\d{5,11})(\d{2})(?!\d)")


def redact_text(text: str) -> str:
    """`text` without the secrets, e-mail addresses and phone numbers in it.

    E-mail addresses keep their first letter and domain (``j***@example.com``), phone numbers in
    E.164 form their country and last two digits (``+44*******12``).
    """
    text = _SECRETS.sub(HIDDEN, text)
    text = _SCHEME_TOKEN.sub(rf"\1\2{HIDDEN}", text)
    text = _NAMED_SECRET.sub(rf"\1{HIDDEN}", text)
    text = _USERINFO.sub(r"\1***@", text)
    text = _EMAIL.sub(r"\1***@\2", text)
    return _PHONE.sub(lambda m: f"+{m[1]}{'*' * len(m[2])}{m[3]}", text)


def redact_payload(payload: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a JSON-like mapping that may be shown: see `redact_text`, and by key name.

    The value of a key whose name says that it is a secret (``password``, ``api_key``,
    ``authToken``) is hidden whole, whatever its type.
    """
    return {key: _value(str(key), value, 0) for key, value in payload.items()}


def is_secret_name(name: str) -> bool:
    """True if a key of that name holds a secret."""
    return bool(_HIDDEN_KEY.search(_CAMEL.sub("_", name)))


def mask_url(url: str) -> str:
    """A URL without its user, password and query values; safe for any text."""
    scheme, mark, rest = url.partition("://")
    if not mark:
        return HIDDEN
    place, question, query = rest.partition("?")
    # The last "@" ends the user part also when a password holds an unescaped "@" or "/".
    _, at, host = place.rpartition("@")
    shown = "&".join(
        item if name in {"db", "sslmode"} else f"{name}=***"
        for item in query.split("&")
        if (name := item.partition("=")[0])
    )
    return f"{scheme}://{'***@' if at else ''}{host}{question}{shown}"


def _value(name: str, value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if is_secret_name(name) or depth > _MAX_DEPTH:
        return HIDDEN
    if isinstance(value, str):
        is_phone = _PHONE_KEY.search(_CAMEL.sub("_", name))
        return _mask_digits(value) if is_phone else redact_text(value)
    if isinstance(value, Mapping):
        return {key: _value(str(key), item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_value(name, item, depth + 1) for item in value]
    return value


def _mask_digits(value: str) -> str:
    redacted = redact_text(value)
    if redacted != value:
        return redacted
    digits = sum(character.isdigit() for character in value)
    if digits < 6:
        return value
    seen = 0
    shown = []
    for character in value:
        seen += character.isdigit()
        hide = character.isdigit() and 2 < seen <= digits - 2
        shown.append("*" if hide else character)
    return "".join(shown)
