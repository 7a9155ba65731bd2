"""Text from outside, made harmless for a terminal: `safe`."""

import re

# C0, DEL and C1 (ECMA-48), lone surrogates, line and paragraph separators, and the format
# characters that change what is seen without being seen: bidi controls (Unicode UAX #9: marks,
# embeddings, overrides, isolates), zero-width and invisible characters, tags.
_INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e007f"
)
_HARMFUL = re.compile(f"[\x00-\x1f\x7f-\x9f\ud800-\udfff{_INVISIBLE}]")
_HARMFUL_IN_LINES = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff{_INVISIBLE}]")
_ELLIPSIS = "…"


def safe(text: str, limit: int = 1_000, *, keep_newlines: bool = False) -> str:
    r"""`text` with every character that could control a terminal replaced by a visible form.

    C0 and DEL become Unicode's control pictures (escape is ``␛``), everything else that is
    harmful its escape (``\u202e``). Nothing else is changed, so markup stays what it was: show it
    where markup is not interpreted.

    Args:
        text: anything, from anywhere.
        limit: characters of the result at most; a longer one ends in ``…``.
        keep_newlines: leave line feeds and tabs as they are.
    """
    # Replacing never shortens, so what lies beyond the limit need not be looked at.
    head = text[: limit + 1]
    if keep_newlines:
        shown = _HARMFUL_IN_LINES.sub(_visible, head.replace("\r\n", "\n"))
    else:
        shown = _HARMFUL.sub(_visible, head)
    if len(shown) <= limit and len(text) <= limit + 1:
        return shown
    return shown[: max(limit - 1, 0)] + _ELLIPSIS[:limit]


def _visible(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
