"""One name for one thing: how names of events are compared, in any script."""

import hashlib
import re
import unicodedata

# What people put between the words of a name.
_SEPARATORS = re.compile(r"[\s._:/\-\u2010-\u2015]+")
_DIGEST = 16


def snake_case(name: str) -> str:
    """``firstName`` as ``first_name``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def name_key(name: str, limit: int = 100) -> str:
    """The form in which names are compared and stored; empty when nothing is left of the name.

    ``lead.created``, ``Lead Created`` and ``leadCreated`` are one name. Width, case and the ways
    of composing letters do not count (Unicode's NFKC and case folding), nor do signs that nobody
    sees; everything else does, so that two names in any script stay two.

    Args:
        name: as it was typed.
        limit: most characters of the result; of a longer name its end becomes a digest.
    """
    text = unicodedata.normalize("NFKC", name)
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text).casefold()
    text = unicodedata.normalize("NFKC", text)
    text = "".join(char for char in text if not _is_invisible(char))
    return bounded(_SEPARATORS.sub("_", text).strip("_"), limit)


def bounded(text: str, limit: int) -> str:
    """The text, or its beginning and a digest of all of it: two that differ still differ."""
    if len(text) <= limit:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:_DIGEST]
    return f"{text[: limit - _DIGEST - 1]}-{digest}"


def _is_invisible(char: str) -> bool:
    # Format and control characters, and the variation selectors of emoji.
    return unicodedata.category(char) in ("Cf", "Cc") or "\ufe00" <= char <= "\ufe0f"
