"""What all screens have in common: header, banner, filter, key bar, and how data reach them."""

from collections.abc import Iterable
from datetime import datetime

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input

from tui.data.model import Reading, Request, Snapshot
from tui.keymap import CONTROL, bind
from tui.session import Session
from tui.widgets.banner import Banner
from tui.widgets.header import Clock, Header, HeaderFacts
from tui.widgets.keybar import KeyBar


class DashScreen(Screen[None]):
    """A screen of the dashboard: it shows snapshots, and reads and acts through its session."""

    BINDINGS = bind("back")
    AUTO_FOCUS = "Table, TextPane"

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.search = ""
        self.problem = ""
        self.refresh_is_due = False

    # What each screen decides

    def compose_body(self) -> Iterable[Widget]:
        """The widgets between header and key bar."""
        return ()

    def wanted(self) -> Request | None:
        """What is to be read beside the snapshot while this screen is visible."""
        return None

    def show(self, snapshot: Snapshot, now: datetime) -> None:
        """Show a snapshot; called every tick, so it must be cheap when nothing changed."""

    def receive(self, reading: Reading) -> None:
        """Take in the answer to what was wanted."""

    def search_changed(self) -> None:
        """Called when the text of the filter changed."""

    def clear_marks(self) -> bool:
        """Forget marks; returns whether there were any."""
        return False

    # What is the same everywhere

    def compose(self) -> ComposeResult:
        """See `Widget.compose`."""
        with Horizontal(id="top"):
            yield Header(id="header")
            yield Clock(id="clock")
        yield Banner(id="banner")
        yield from self.compose_body()
        yield Input(placeholder="filter: enter keeps it, esc clears it", id="filter", compact=True)
        yield KeyBar(id="keys")

    def on_mount(self) -> None:
        """Start without banner and filter."""
        self.query_one(Banner).display = False
        self._filter.display = False

    def on_screen_resume(self) -> None:
        """Be up to date at once when this screen comes to the front."""
        self.refresh_soon()

    def on_painted_resized(self) -> None:
        """Fit what is shown to the new sizes."""
        self.refresh_soon()

    def refresh_soon(self) -> None:
        """Be up to date after the next layout; asking twice is asking once."""
        if not self.refresh_is_due:
            self.refresh_is_due = True
            self.call_after_refresh(self.refresh_now)

    def refresh_now(self) -> None:
        """Show what is known and ask for what is wanted."""
        self.refresh_is_due = False
        self.refresh_view()
        if (request := self.wanted()) is not None:
            self.session.fetch(request)

    def refresh_view(self) -> None:
        """Show what the store knows now."""
        store, options = self.session.store, self.session.options
        now_s = options.clock()
        snapshot, age_s = store.snapshot, store.age_s(now_s)
        self.query_one(Header).show(
            HeaderFacts(
                snapshot,
                age_s,
                error=store.error,
                frozen=store.frozen,
                held_count=store.held_count,
                read_only=options.read_only,
                actor=options.actor,
            )
        )
        self.query_one(Clock).show(store.now(now_s))
        taken_at = snapshot.taken_at if snapshot else None
        self.query_one(Banner).show(store.error, age_s=age_s, taken_at=taken_at)
        self.query_one(KeyBar).show(self.active_bindings.values())
        if snapshot is None:
            return
        try:
            self.show(snapshot, snapshot.taken_at)
        except Exception as error:  # noqa: BLE001 - a screen that cannot be drawn must not end the dashboard
            self.problem = f"{type(error).__name__}: {error}"
            self.log.error(self.problem)
            self.say(f"This screen cannot be drawn: {self.problem}", problem=True)
        else:
            self.problem = ""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide the controls in read-only mode; the session refuses them as well."""
        if action.startswith(CONTROL) and self.session.options.read_only:
            return False
        return super().check_action(action, parameters)

    def action_back(self) -> None:
        """Clear the filter, else the marks, else go one level up; never quit."""
        if self._filter.display or self.search:
            self._close_filter(keep=False)
        elif self.clear_marks():
            self.refresh_now()
        elif len(self.app.screen_stack) > 1:
            self.app.pop_screen()
        elif self.app.current_mode != "overview":
            self.app.switch_mode("overview")

    def action_filter(self) -> None:
        """Open the filter."""
        self._filter.display = True
        self._filter.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter while it is typed."""
        event.stop()
        self._search_for(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Keep the filter and go back to the list."""
        event.stop()
        self._close_filter(keep=True)

    def say(self, message: str, *, problem: bool = False) -> None:
        """One line to the operator; never interpreted as markup."""
        timeout = 12 if problem else 6
        self.notify(
            message,
            severity="error" if problem else "information",
            timeout=timeout,
            markup=False,
        )

    @property
    def _filter(self) -> Input:
        return self.query_one("#filter", Input)

    def _close_filter(self, *, keep: bool) -> None:
        if not keep:
            with self.prevent(Input.Changed):
                self._filter.value = ""
            self._search_for("")
        self._filter.display = False
        self.query(self.AUTO_FOCUS or "*").first().focus()

    def _search_for(self, text: str) -> None:
        if text.strip() != self.search:
            self.search = text.strip()
            self.search_changed()
