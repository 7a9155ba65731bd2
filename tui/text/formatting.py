"""How values look on the screen: pure functions, fixed widths, no colours."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

from rich.cells import cell_len, set_cell_size

from tui.data.units import durations, sizes

Align = Literal["left", "right"]

# Without the full block, so that a peak does not melt into the line above.
_BLOCKS = "▁▂▃▄▅▆▇"
_UNITS = ("", "k", "M", "G", "T", "P")

# The same classes the data boundary removes: C0 with DEL, C1, bidi controls, line separators,
# lone surrogates, and the invisible characters that shift what follows them. Nothing of this
# may reach a terminal, whoever produced the text (a reader, an exception, a host name).
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)


duration = durations.brief
long_duration = durations.full
milliseconds = durations.latency
size = sizes.brief


def printable(text: str) -> str:
    """The text with everything that could control a terminal shown as a middle dot."""
    return _UNSAFE.sub("·", text) if _UNSAFE.search(text) else text


def fit(text: str, width: int, align: Align = "left") -> str:
    """The text in exactly `width` terminal cells, an ellipsis where it was cut."""
    if width <= 0:
        return ""
    length = cell_len(text)
    if length > width:
        return set_cell_size(text, width - 1) + "…" if width > 1 else set_cell_size(text, 1)
    padding = " " * (width - length)
    return padding + text if align == "right" else text + padding


def count(number: float | None, width: int = 6) -> str:
    """A count in at most `width` cells: 982, 18,402, 18.4k, 1.2M; None is a dash."""
    if number is None:
        return "-"
    whole = round(number)
    plain = f"{whole:,}"
    if len(plain) <= width:
        return plain
    if len(str(whole)) <= min(width, 4):
        return str(whole)
    return _scaled(float(whole), 1000.0, width)


def _scaled(number: float, step: float, width: int) -> str:
    for unit in _UNITS:
        if abs(number) < step - 0.5 or unit == _UNITS[-1]:
            break
        number /= step
    fine = f"{number:.1f}".removesuffix(".0") + unit
    if unit and number < 100 and len(fine) <= width:
        return fine
    return f"{number:.0f}{unit}"


def rate(per_min: float) -> str:
    """A rate per minute: 0 is a dot so that the eye finds what moves; below ten one decimal."""
    if per_min < 0.05:
        return "·"
    if per_min < 9.95:
        return f"{per_min:.1f}"
    return count(per_min, 5)


def percent(part: float, whole: float) -> float:
    """`part` of `whole` in percent, between 0 and 100; 0 when there is no whole."""
    return min(100.0, max(0.0, 100.0 * part / whole)) if whole > 0 else 0.0


def bar(value_percent: float, width: int) -> tuple[str, str]:
    """A bar of `width` cells as its full and its empty part; any value above 0 shows."""
    full = round(width * min(100.0, max(0.0, value_percent)) / 100)
    if value_percent > 0 and full == 0:
        full = min(1, width)
    return "█" * full, "░" * (width - full)


def sparkline(values: Sequence[float | None], width: int) -> str:
    """The last values in one line of blocks, as text in one colour.

    The lowest block is zero, the highest the largest value shown. The values are spread over the
    whole width: where there are more of them than cells, a cell shows the largest of its share,
    so that no peak is lost. Where a value is missing the cell is blank.
    """
    if width <= 0:
        return ""
    cells = _resampled(values, width)
    top = max((value for value in cells if value is not None), default=0.0)
    return "".join(_block(value, top) for value in cells)


def _block(value: float | None, top: float) -> str:
    if value is None:
        return " "
    if top <= 0 or value <= 0:
        return _BLOCKS[0]
    return _BLOCKS[max(1, round(value / top * (len(_BLOCKS) - 1)))]


def _resampled(values: Sequence[float | None], width: int) -> list[float | None]:
    if not values:
        return [None] * width
    shares = []
    for cell in range(width):
        first = cell * len(values) // width
        last = max(first + 1, (cell + 1) * len(values) // width)
        shares.append(values[first:last])
    return [max((v for v in share if v is not None), default=None) for share in shares]


def clock(moment: datetime) -> str:
    """A time of day in UTC: 03:12:44Z."""
    return f"{moment.astimezone(UTC):%H:%M:%S}Z"


def stamp(moment: datetime | None, now: datetime | None = None) -> str:
    """A moment in UTC, to the millisecond; the date only if it is not today's. None is a dash."""
    if moment is None:
        return "-"
    moment = moment.astimezone(UTC)
    time = f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03}Z"
    if now is not None and moment.date() == now.astimezone(UTC).date():
        return time
    return f"{moment:%Y-%m-%d} {time}"


def short_id(job_id: str, width: int = 10) -> str:
    """A job's id in at most `width` cells: both ends, since ids often share a beginning."""
    if len(job_id) <= width:
        return job_id
    tail = min(3, width // 3)
    return f"{job_id[: width - tail - 1]}…{job_id[-tail:]}" if tail else job_id[:width]


def short_queue(name: str) -> str:
    """A queue's name with its family shortened, for narrow terminals: comm:email."""
    family, _, rest = name.partition(":")
    short = {"workflow": "wf", "communication": "comm", "system": "sys"}.get(family, family)
    return f"{short}:{rest}" if rest else name


def plural(number: int, noun: str) -> str:
    """'1 job', '296 jobs'."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
