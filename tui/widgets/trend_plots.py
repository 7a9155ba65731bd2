"""The pair of plots that several places show: jobs per minute, and jobs waiting."""

from tui.data.model import Snapshot
from tui.data.trend import trend
from tui.session import Session
from tui.text.formatting import count
from tui.text.plot import Plot, depth_series, throughput_series


def show_trend(
    session: Session,
    snapshot: Snapshot,
    throughput: Plot,
    depth: Plot,
    *,
    queue: str | None = None,
) -> None:
    """Fill both plots for one queue, or (None) for all together."""
    if not throughput.size.height:
        return
    shown = trend(snapshot, tuple(session.store.samples), window=session.window, queue=queue)
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
