"""What a contact's own row says against marketing: tags, status, preferences."""

from collections.abc import Mapping
from typing import Any

from processors.compliance.addressing import ContactRow, value_of
from processors.naming import snake_case

_WORDS = frozenset({"unsubscribed", "unsubscribe", "optedout", "optout", "donotcontact"})
# Custom fields in the names of the CRM's generations; true opts out.
_OUT = ("opted_out", "opt_out", "unsubscribed", "do_not_contact", "marketing_opt_out")
# False opts out.
_IN = ("opt_in", "marketing_opt_in", "marketing_consent")
_NO = frozenset({"false", "no", "0", "off", "never", "none"})
_YES = frozenset({"true", "yes", "1", "on"})


def has_opted_out(contact: ContactRow, channel: str | None = None) -> bool:
    """Whether a tag, the status or a preference says so, in any spelling.

    Fields of one channel (``sms_opt_in``, ``preferences.email``) count for that channel alone.
    """
    words = (*map(str, value_of(contact, "tags") or ()), value_of(contact, "status") or "")
    if any(_letters(word) in _WORDS for word in words):
        return True
    fields = _snake(value_of(contact, "custom_fields"))
    preferences = _snake(fields.get("preferences")) | _snake(
        fields.get("communication_preferences")
    )
    own = (f"{channel}_opt_out", f"{channel}_unsubscribed") if channel else ()
    own_in = (f"{channel}_opt_in", f"{channel}_consent") if channel else ()
    wishes = ("marketing", channel) if channel else ("marketing",)
    return (
        any(_is(fields.get(name), _YES) for name in (*_OUT, *own))
        or any(_is(fields.get(name), _NO) for name in (*_IN, *own_in))
        or any(_is(preferences.get(name), _NO) for name in wishes)
    )


def _is(value: Any, words: frozenset[str]) -> bool:
    """Whether a stored yes or no, in one of the ways it is written, is one of these."""
    return isinstance(value, bool | int | str) and str(value).strip().lower() in words


def _snake(fields: Any) -> dict[str, Any]:
    if not isinstance(fields, Mapping):
        return {}
    return {snake_case(str(name)): value for name, value in fields.items()}


def _letters(word: str) -> str:
    return "".join(char for char in word.casefold() if char.isalnum())
