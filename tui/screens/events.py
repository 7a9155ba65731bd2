"""What happened to jobs, queues, workers and breakers, as it happens."""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from textual.widget import Widget

from tui.data.event_log import KINDS, EventLog
from tui.data.model import Event, EventPage, EventsRequest, Reading, Snapshot
from tui.keymap import bind
from tui.screens.base import DashScreen
from tui.screens.job import JobScreen
from tui.screens.queue_jobs import QueueScreen
from tui.session import Session
from tui.text.event_rows import event_columns, event_row, event_subject, event_words
from tui.text.formatting import count, plural
from tui.text.lines import Line, Run, clip, line
from tui.widgets.painted import Painted
from tui.widgets.table import Table

if TYPE_CHECKING:
    from tui.text.rows import Row

_ALL = "all"
_KINDS = (_ALL, *KINDS)


class EventsScreen(DashScreen):
    """The newest events, last one at the bottom; it is followed until the cursor moves."""

    BINDINGS = bind("filter", "next-state", "previous-state", "follow")

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.kind = _ALL
        self.following = True
        self._log = EventLog()
        self._problem = ""
        self._where = Painted(id="where")
        self._kinds = Painted(id="kinds")
        self._table = Table(id="events")
        self._rows: list[Row] = []
        self._made_of: tuple[object, ...] = ()
        self._seen = 0

    def compose_body(self) -> Iterable[Widget]:
        """See `DashScreen.compose_body`."""
        yield self._where
        yield self._kinds
        yield self._table

    def wanted(self) -> EventsRequest:
        """See `DashScreen.wanted`."""
        return self._log.wanted()

    def receive(self, reading: Reading) -> None:
        """See `DashScreen.receive`."""
        self._problem = reading.detail_error
        request, page = reading.request, reading.detail
        if not isinstance(request, EventsRequest) or self.session.store.frozen:
            return
        if isinstance(page, EventPage):
            self._log.accept(request, page.events)
        self.refresh_view()

    def show(self, snapshot: Snapshot, now: datetime) -> None:  # noqa: ARG002 - see `DashScreen`
        """See `DashScreen.show`."""
        width = self.size.width
        self._kinds.paint([clip(self._kinds_line(width), width)])
        made_of = (self._log.changes, width, self.kind, self.search, snapshot.prefix)
        if made_of != self._made_of:
            self._made_of = made_of
            columns = event_columns(width)
            self._rows = [
                event_row(event, columns, snapshot.prefix, gap=event.id in self._log.gaps)
                for event in self._shown(snapshot.prefix)
            ]
            self._table.empty_text = self._empty_text()
            self._table.show(columns, self._rows)
            if self.following:
                self._table.put_cursor(-1)
        if self.following:
            self._seen = len(self._rows)
        self._where.paint([clip(self._where_line(), width)])

    def search_changed(self) -> None:
        """See `DashScreen.search_changed`."""
        self.refresh_view()

    def action_state(self, step: int) -> None:
        """Show the next or the previous kind of event."""
        self.kind = _KINDS[(_KINDS.index(self.kind) + step) % len(_KINDS)]
        self.refresh_view()

    def action_follow(self) -> None:
        """Stay with the newest event, or where the cursor is."""
        self.following = not self.following
        if self.following:
            self._table.put_cursor(-1)
        self._seen = len(self._rows)
        self.refresh_view()

    def on_table_moved(self) -> None:
        """Stop following when the cursor leaves the newest event, and go on at the end."""
        at_end = self._table.cursor_key == (self._rows[-1].key if self._rows else None)
        if at_end is not self.following:
            self.following = at_end
            self._seen = len(self._rows)
            self.refresh_view()

    def on_table_opened(self, event: Table.Opened) -> None:
        """Open the job of an event, or its queue."""
        found = next((entry for entry in self._log.events if entry.id == event.key), None)
        snapshot = self.session.store.snapshot
        if found is None or snapshot is None:
            self.say("That event is no longer kept here")
            return
        subject = event_subject(found, snapshot.prefix)
        if job := found.details.get("job"):
            self.app.push_screen(JobScreen(self.session, job))
        elif self.session.store.queue(subject) is not None:
            self.app.push_screen(QueueScreen(self.session, subject))
        elif found.event == "worker":
            self.app.switch_mode("workers")
        elif queue := self._queue_of_provider(snapshot, subject):
            self.app.push_screen(QueueScreen(self.session, queue))
        else:
            self.say(f"There is nothing to open about {subject}")

    @staticmethod
    def _queue_of_provider(snapshot: Snapshot, name: str) -> str | None:
        queues = (queue for r in snapshot.providers if r.name == name for queue in r.queues)
        return next(queues, None)

    def _shown(self, prefix: str) -> list[Event]:
        needle = self.search.lower()
        return [
            event
            for event in self._log.events
            if self.kind in (_ALL, event.event)
            and (not needle or needle in event_words(event, prefix))
        ]

    def _where_line(self) -> Line:
        shown, held = len(self._rows), len(self._log.events)
        runs: list[Run] = [("EVENTS ", "heading"), (f"{plural(shown, 'event')}", "")]
        if shown != held:
            runs.append((f" of {held:,}", "muted"))
        if self._problem:
            runs.append((f"  cannot be read: {self._problem}", "bad"))
        elif self.following:
            runs.append(("  following the newest", "good"))
        else:
            newer = shown - self._seen
            below = f", {newer:,} newer below" if newer > 0 else ""
            runs.append((f"  staying here{below} (f follows)", "warn"))
        if self.search:
            runs.append((f"  filter {self.search!r}", "warn"))
        return line(*runs)

    def _kinds_line(self, width: int) -> Line:
        counts = {_ALL: len(self._log.events), **self._log.counts()}
        runs: list[Run] = []
        chosen = 0
        for kind in _KINDS:
            text = f"{kind} {count(counts[kind], 5)}"
            if kind == self.kind:
                chosen = len(runs)
            runs.append((f"[{text}]", "key") if kind == self.kind else (f" {text} ", ""))
        # Where there is no room for all, drop those before the chosen one.
        while chosen and line(*runs[: chosen + 1]).width > width - 2:
            del runs[0]
            chosen -= 1
        return line(*runs)

    def _empty_text(self) -> str:
        if not self._log.events:
            return "no event yet"
        kind = "" if self.kind == _ALL else f" {self.kind}"
        return f"no{kind} event" + (f" matches {self.search!r}" if self.search else "")
