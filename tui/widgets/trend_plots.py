"""The pair of plots that several screens show: jobs per minute, and jobs waiting."""

from collections.abc import Sequence

from tui.data.model import Snapshot
from tui.data.store import Sample
from tui.data.trend import Window, trend
from tui.text.formatting import count
from tui.text.plot import depth_series, throughput_series
from tui.widgets.plot import Plot


def show_trend(
    snapshot: Snapshot,
    samples: Sequence[Sample],
    window: Window,
    throughput: Plot,
    depth: Plot,
    *,
    queue: str | None = None,
) -> None:
    """Fill both plots for one queue, or (None) for all together."""
    if not throughput.size.height:
        return
    shown = trend(snapshot, samples, window=window, queue=queue)
    done = count(shown.finished[-1]) if shown.finished else "-"
    failed = count(shown.failed[-1]) if shown.failed else "-"
    throughput.show(
        (
            ("PER MINUTE", "heading"),
            ("  finished ", "muted"),
            (done, "info"),
            ("  failed ", "muted"),
            (failed, "bad"),
        ),
        throughput_series(shown),
        shown.span_s,
    )
    waiting = count(shown.depth[-1]) if shown.depth else "-"
    title = (("WAITING", "heading"), (f"  {waiting}", "info"))
    depth.show(title, depth_series(shown), shown.span_s)
