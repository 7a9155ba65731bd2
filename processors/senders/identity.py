"""As whom an organisation writes: what its own settings say, checked."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from processors.addresses.mail_address import read_address, read_mailbox, require_line
from processors.senders.sender import Channel

_E164 = re.compile(r"\+[1-9]\d{6,14}")
_SENDER = re.compile(r"\+[1-9]\d{6,14}|\d{3,8}|(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}")
_SERVICE = re.compile(r"MG[0-9a-fA-F]{32}")
_MAX_NAME = 200


@dataclass(frozen=True, slots=True)
class Identity:
    """What an organisation has set of its own; None where it uses the deployment's.

    Attributes:
        from_email: a bare address, or a mailbox with a name.
        from_name: the name before the address.
        reply_to: where answers go.
        sms_from: number, short code or name that sends text messages.
        whatsapp_from: number that sends WhatsApp messages.
        messaging_service_sid: Twilio's service that sends instead of a number.
    """

    from_email: str | None = None
    from_name: str | None = None
    reply_to: str | None = None
    sms_from: str | None = None
    whatsapp_from: str | None = None
    messaging_service_sid: str | None = None

    def mailbox(self, default: str | None) -> str | None:
        """The author of its e-mail; `default` is the deployment's."""
        base = self.from_email or default
        if base is None or self.from_name is None:
            return base
        address = read_mailbox(base).address
        quoted = re.sub(r'([\\"])', r"\\\1", self.from_name)
        return f'"{quoted}" <{address}>'

    def number(self, channel: Channel) -> str | None:
        """The number that sends its texts."""
        return self.whatsapp_from if channel == "whatsapp" else self.sms_from

    def service(self, channel: Channel) -> str | None:
        """The messaging service that sends its texts; of WhatsApp only without a number."""
        if channel == "whatsapp" and self.whatsapp_from:
            return None
        return self.messaging_service_sid


def identity_of(settings: Mapping[str, Any]) -> Identity:
    """An organisation's identity from its settings.

    Raises:
        ValueError: a setting cannot be used; every problem, with what is allowed.
    """
    found: dict[str, str] = {}
    problems: list[str] = []
    for name, (check, allowed) in _CHECKS.items():
        value = settings.get(name)
        if value is None or value == "":
            continue
        try:
            found[name] = check(value if isinstance(value, str) else "")
        except ValueError:
            problems.append(f"{name} must be {allowed}")
    if problems:
        raise ValueError("; ".join(problems))
    return Identity(**found)


def _matching(pattern: re.Pattern[str]) -> Callable[[str], str]:
    def check(value: str) -> str:
        if not pattern.fullmatch(value):
            raise ValueError(value)
        return value

    return check


def _name(value: str) -> str:
    require_line(value)
    if not value.strip() or len(value) > _MAX_NAME:
        raise ValueError(value)
    return value.strip()


_CHECKS: dict[str, tuple[Callable[[str], str], str]] = {
    "from_email": (lambda value: str(read_mailbox(value)), "an e-mail address"),
    "from_name": (_name, "one line of at most 200 characters"),
    "reply_to": (lambda value: read_address(value).address, "an e-mail address"),
    "sms_from": (_matching(_SENDER), "a number such as +447700900123, a short code or a name"),
    "whatsapp_from": (_matching(_E164), "a number such as +447700900123"),
    "messaging_service_sid": (_matching(_SERVICE), "MG and 32 hexadecimal digits"),
}
