"""Jobs of all queues in one state: the failed and the stalled screen."""

from collections.abc import Iterable
from datetime import datetime

from textual.widget import Widget

from tui.data.model import JobState, Snapshot
from tui.screens.job_list import JobListScreen
from tui.session import Session
from tui.text.formatting import count
from tui.text.lines import Line, Run, clip, line
from tui.widgets.painted import Painted


class AllQueuesScreen(JobListScreen):
    """Jobs of one state, of all queues, newest first."""

    def __init__(self, session: Session, *, state: JobState) -> None:
        super().__init__(session, queue=None, state=state)
        self._where = Painted(id="where")

    def compose_body(self) -> Iterable[Widget]:
        """See `DashScreen.compose_body`."""
        yield self._where
        yield self.position
        yield self.jobs

    def show(self, snapshot: Snapshot, now: datetime) -> None:
        """See `DashScreen.show`."""
        self._where.paint([clip(where_line(snapshot, self.state), self.size.width)])
        super().show(snapshot, now)


class FailedScreen(AllQueuesScreen):
    """Failed jobs of all queues."""

    def __init__(self, session: Session) -> None:
        super().__init__(session, state=JobState.FAILED)


def where_line(snapshot: Snapshot, state: JobState) -> Line:
    """How many jobs of that state each queue has, most first."""
    sizes = sorted(
        ((getattr(queue, state.value), queue.name) for queue in snapshot.queues),
        key=lambda pair: (-pair[0], pair[1]),
    )
    runs: list[Run] = [(f"{state.value.upper()}, ALL QUEUES ", "heading")]
    for number, name in sizes:
        if number:
            runs += [(f" {name} ", "muted"), (count(number), "strong")]
    return line(*runs) if len(runs) > 1 else line(*runs, (" none", "good"))


class StalledScreen(AllQueuesScreen):
    """Jobs of all queues whose worker was lost and that have not ended since."""

    def __init__(self, session: Session) -> None:
        super().__init__(session, state=JobState.STALLED)
