"""From medians to the table of ratios, and its picture."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

Medians = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: what was measured, its ratio or value, and what it must at least (or most) be."""

    name: str
    value: float
    unit: str
    must: float
    at_most: bool = False
    measured: str = ""

    @property
    def holds(self) -> bool:
        """Whether the figure is what it must be."""
        return self.value <= self.must if self.at_most else self.value >= self.must

    @classmethod
    def all(cls, medians: Medians) -> Iterable[Self]:
        """Every row that the measured contenders allow."""
        atlas = medians["atlas"]
        for name, figure, other, theirs, must in (
            ("no-op jobs drained ÷ BullMQ", "drain_per_s", "bullmq", "drain_per_s", 1.5),
            ("no-op jobs drained ÷ RQ fork worker", "drain_per_s", "rq", "drain_fork_per_s", 150),
            ("no-op jobs drained ÷ RQ SimpleWorker", "drain_per_s", "rq", "drain_simple_per_s", 1),
            ("stock RQ jobs ÷ RQ fork worker", "stock_per_s", "rq", "drain_fork_per_s", 1),
            ("bulk enqueue ÷ BullMQ addBulk", "bulk_per_s", "bullmq", "bulk_per_s", 2.5),
            ("single enqueue ÷ BullMQ add", "single_per_s", "bullmq", "single_per_s", 1.2),
        ):
            if base := medians.get(other, {}).get(theirs):
                both = f"{atlas[figure]:,.0f}/s, {base:,.0f}/s"
                yield cls(name, atlas[figure] / base, "x", must, measured=both)
        yield cls("pick-up by an idle worker, p50", atlas["pickup_p50_ms"], "ms", 2, at_most=True)
        yield cls("pick-up by an idle worker, p99", atlas["pickup_p99_ms"], "ms", 6, at_most=True)
        yield cls(
            "jobs of 10 ms in 50 slots, share of 5,000/s", atlas["sleep_10ms_share"], "", 0.95
        )
        if base := medians.get("rq", {}).get("waiting_bytes"):
            both = f"{atlas['waiting_bytes']:,.0f} B, {base:,.0f} B"
            ratio = atlas["waiting_bytes"] / base
            yield cls(
                "Redis per waiting e-mail job ÷ RQ", ratio, "x", 0.6, at_most=True, measured=both
            )
        yield cls("worker memory", atlas["worker_mb"], "MB", 120, at_most=True)
        idle = atlas["idle_commands_per_s"]
        yield cls("idle worker, Redis commands a second", idle, "", 5, at_most=True)
        for name in ("claim", "finish", "snapshot", "page"):
            ratio = medians.get("backlog", {}).get(f"backlog_{name}_ratio")
            if ratio:
                yield cls(f"{name} with 1,000,000 waiting ÷ 1,000", ratio, "x", 1.2, at_most=True)
        if base := medians.get("atlas without AOF", {}).get("drain_per_s"):
            both = f"{atlas['drain_per_s']:,.0f}/s, {base:,.0f}/s"
            ratio = atlas["drain_per_s"] / base
            yield cls("drain with AOF everysec ÷ without", ratio, "x", 0.8, measured=both)


def table(rows: Iterable[Row]) -> str:
    """Aligned text."""
    lines = [f"{'figure':45} {'measured':>10} {'must':>9}      medians"]
    for row in rows:
        bound = f"{'≤' if row.at_most else '≥'} {row.must:g}"
        verdict = "ok" if row.holds else "MISSED"
        lines.append(
            f"{row.name:45} {row.value:8.2f} {row.unit:2}{bound:>8} {verdict:6} {row.measured}"
        )
    return "\n".join(lines)


def write_picture(rows: Iterable[Row], path: Path) -> None:
    """The same table as an SVG."""
    text = table(rows).splitlines()
    width, height = 8 * max(map(len, text)) + 40, 20 * len(text) + 30
    escaped = [t.replace("&", "&amp;").replace("<", "&lt;") for t in text]
    body = "\n".join(
        f'<text x="20" y="{30 + 20 * i}" xml:space="preserve">{line}</text>'
        for i, line in enumerate(escaped)
    )
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'font-family="DejaVu Sans Mono, monospace" font-size="13">'
        f'<rect width="100%" height="100%" fill="white"/>\n{body}\n</svg>\n'
    )
