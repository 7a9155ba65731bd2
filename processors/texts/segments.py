"""How many segments a text message has: what carriers count, and providers bill.

GSM-7 (3GPP TS 23.038, 6.2.1) holds 160 characters, 153 in each of several; one character that is
not in it makes the whole message UCS-2: 70 UTF-16 units, 67 in each of several.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
# Two characters each: an escape and one of the extension table.
_EXTENSION = frozenset("\f^{}\\[~]|€")
_GSM = (160, 153)
_UCS2 = (70, 67)


@dataclass(frozen=True, slots=True)
class Segments:
    """The size of a text message.

    Attributes:
        count: segments.
        encoding: GSM-7 or UCS-2.
        units: septets of GSM-7, or UTF-16 units of UCS-2.
        culprits: the first characters that GSM-7 does not have, each once.
    """

    count: int
    encoding: Literal["GSM-7", "UCS-2"]
    units: int
    culprits: str = ""

    def __str__(self) -> str:
        """Such as ``2 segments (UCS-2 because of “🎉”)``."""
        segments = "1 segment" if self.count == 1 else f"{self.count} segments"
        why = f" because of “{self.culprits}”" if self.culprits else ""
        return f"{segments} ({self.encoding}{why})"


def segments_of(text: str) -> Segments:
    """The segments of a text message; an empty one has one."""
    culprits = "".join(dict.fromkeys(c for c in text if c not in _BASIC | _EXTENSION))
    if culprits:
        sizes = [len(char.encode("utf-16-le")) // 2 for char in text]
        limits = _UCS2
    else:
        sizes = [2 if char in _EXTENSION else 1 for char in text]
        limits = _GSM
    units = sum(sizes)
    count = 1 if units <= limits[0] else sum(1 for _ in _packed(sizes, limits[1]))
    return Segments(count, "UCS-2" if culprits else "GSM-7", units, culprits[:5])


def _packed(sizes: list[int], limit: int) -> Iterator[int]:
    """The units in each segment: a character of two units is never split."""
    filled = 0
    for size in sizes:
        if filled + size > limit:
            yield filled
            filled = 0
        filled += size
    yield filled
