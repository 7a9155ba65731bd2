"""A text message as it leaves: with a way out of marketing, and within the segments allowed."""

import re
from dataclasses import dataclass

from processors.errors import ContentError
from processors.texts.segments import Segments, segments_of

STOP_LINE = "Reply STOP to opt out"
# What says it already: "text STOP to end", "STOP2END", "to unsubscribe …".
_STOP_WORD = re.compile(r"\bstop(?:\b|2)|\bunsubscribe\b|\bopt[ -]?out\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class TextContent:
    """What is handed to a sender."""

    body: str
    segments: Segments


def text_content(
    body: str, *, is_marketing: bool, stop_line: bool = True, max_segments: int = 6
) -> TextContent:
    """Make a text message of a filled-in body.

    Args:
        body: filled in.
        is_marketing: it must say how to opt out (PECR 2003, regulation 22(3)(c); CTIA 5.1.2).
        stop_line: whether the line is added where the body does not say it.
        max_segments: the most it may have, the line included.

    Raises:
        ContentError: it has more segments than allowed; with why, if a character causes it.
    """
    if is_marketing and stop_line and not _STOP_WORD.search(body):
        body = f"{body.rstrip()}\n{STOP_LINE}"
    segments = segments_of(body)
    if segments.count > max_segments:
        raise ContentError(f"the text has {segments}; allowed: {max_segments}")
    return TextContent(body, segments)
