"""What only some jobs have, as lines: progress, log, keys, children, headers."""

from datetime import datetime

from tui.data.model import JobDetail, Progress
from tui.text.formatting import bar, percent, plural, stamp
from tui.text.lines import Line, Run, line

_BAR_WIDTH = 20
# The runtime keeps as many of a job.
_LOG_LINES = 100


def progress_lines(detail: JobDetail) -> list[Line]:
    """The job's progress and the state of its children; nothing if it has neither."""
    lines = []
    if detail.progress is not None:
        lines.append(_progress_line(detail.progress))
    if detail.children is not None:
        lines.append(_children_line(detail))
    return [*lines, line()] if lines else []


def _progress_line(progress: Progress) -> Line:
    share = percent(progress.done, progress.total)
    full, empty = bar(share, _BAR_WIDTH)
    return line(
        ("PROGRESS ", "heading"),
        (full, "info"),
        (empty, "muted"),
        (f" {share:.0f}%", "strong"),
        (f"  {progress.done:,g} of {progress.total:,g}", ""),
        (f"  {progress.message}", "muted"),
    )


def _children_line(detail: JobDetail) -> Line:
    children = detail.children
    assert children is not None
    runs: list[Run] = [("CHILDREN ", "heading"), (f"{children.total:,}", "strong")]
    for name, number, role in (
        ("pending", children.pending, ""),
        ("finished", children.finished, "good"),
        ("failed", children.failed, "bad"),
        ("canceled", children.canceled, "warn"),
    ):
        runs.append((f"  {number:,} {name}", role if number else "muted"))
    return line(*runs)


def log_lines(detail: JobDetail, now: datetime) -> list[Line]:
    """What the job's handler logged, oldest first; of many lines only the newest."""
    if not detail.log:
        return []
    shown = detail.log[-_LOG_LINES:]
    number = len(detail.log)
    counted = f"last {len(shown)} of {number:,}" if len(shown) < number else plural(number, "line")
    lines = [line(("LOG  ", "heading"), (counted, "muted"))]
    lines += [line((f" {stamp(entry.at, now)} ", "muted"), entry.text) for entry in shown]
    return [line(), *lines]


def extra_facts(detail: JobDetail, now: datetime) -> list[tuple[str, str]]:
    """Names and values of what only some jobs have; the caller leaves out empty ones."""
    latest = detail.not_after
    expiry = ""
    if latest is not None:
        over = " (over: it will not start)" if latest <= now else ""
        expiry = f"{stamp(latest, now)}{over}"
    facts = [
        ("not after", expiry),
        ("parent", detail.parent),
        ("unique key", detail.unique_key),
        ("conc. key", detail.concurrency_key),
    ]
    return facts + [("header", f"{name}: {value}") for name, value in detail.headers.items()]
