"""The only dialog that changes anything: it says what would happen, and its default is Cancel."""

from collections.abc import Callable
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input

from tui.data.background import Outcome
from tui.data.model import ActionResult
from tui.keymap import bind
from tui.session import Session
from tui.source import Source
from tui.text.lines import Line, line
from tui.text.wrapping import wrap
from tui.widgets.choice import Choice
from tui.widgets.painted import Painted
from tui.widgets.textpane import TextPane


@dataclass(frozen=True, slots=True)
class Other:
    """A button that closes the dialog and opens another plan."""

    label: str
    open: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Action:
    """An action that waits to be confirmed.

    Attributes:
        text: what it would do.
        label: the verb on the button, with the number of jobs.
        run: does it, given the operator's reason and the number of the choice.
        typed: what must be typed before it runs; empty for nothing.
        others: buttons for other plans instead.
        choice: a name and the alternatives that `run` is told the number of.
    """

    text: tuple[Line, ...]
    label: str
    run: Callable[[Source, str, int], ActionResult]
    typed: str = ""
    others: tuple[Other, ...] = ()
    choice: tuple[str, tuple[str, ...]] | None = None


class ActionDialog(ModalScreen[bool]):
    """Cancel, or the verb. A failure stays on the screen and says why."""

    BINDINGS = bind("back", "quit-now", "pane")
    AUTO_FOCUS = "#cancel"

    def __init__(self, session: Session, action: Action) -> None:
        super().__init__()
        self._session = session
        self._action = action
        self._acting = False
        self._what = TextPane(id="what")
        self._what.show(action.text)

    def compose(self) -> ComposeResult:
        """See `Widget.compose`."""
        with Vertical(id="box"):
            yield self._what
            if self._action.choice is not None:
                yield Choice(*self._action.choice, id="choice")
            yield Input(placeholder="reason, for the audit log", id="reason", compact=True)
            if self._action.typed:
                yield Input(
                    placeholder=f"PRODUCTION: type {self._action.typed} to confirm",
                    id="typed",
                    compact=True,
                )
            yield Painted(id="outcome")
            with Horizontal(id="buttons"):
                yield Button("Cancel", id="cancel", compact=True)
                yield Button(self._action.label, id="do", variant="warning", compact=True)
                for number, other in enumerate(self._action.others):
                    yield Button(other.label, id=f"other-{number}", compact=True)

    def on_mount(self) -> None:
        """Make the buttons answer at once."""
        for button in self.query(Button):
            # While it glows a button takes no second press.
            button.active_effect_duration = 0
        self._what.can_focus = False
        self._tell("", "")

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Do what the button says."""
        event.stop()
        kind, _, number = (event.button.id or "").partition("-")
        if kind == "do":
            self._try()
        elif kind == "other":
            self.dismiss(result=False)
            self._action.others[int(number)].open()
        else:
            self.action_back()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter in a field goes on to the next one, and never acts."""
        event.stop()
        self.focus_next()

    def action_back(self) -> None:
        """Close; an action that has begun goes on and is reported."""
        self.dismiss(result=False)

    def _try(self) -> None:
        if self._acting:
            return
        typed = self.query("#typed")
        if typed and typed.first(Input).value.replace(",", "").strip() != self._action.typed:
            self._tell(f"Type {self._action.typed} to confirm. Nothing has happened.", "warn")
            typed.first(Input).focus()
            return
        self._acting = True
        self.query_one("#do", Button).disabled = True
        self._tell("Running… (esc closes this window, the action goes on)", "info")
        reason = self.query_one("#reason", Input).value.strip()
        chosen = self.query(Choice)
        number = chosen.first().chosen if chosen else 0
        self._session.act(lambda source: self._action.run(source, reason, number), self._done)

    def _done(self, outcome: Outcome[ActionResult]) -> None:
        result = outcome.value
        problem = outcome.error or ("; ".join(result.errors) if result else "")
        message = result.message if result else ""
        if problem:
            message = f"Failed: {problem}" if not message else f"{message}. Failed: {problem}"
        if problem and self.is_current:
            self._tell(message, "bad")
            self.query_one("#cancel", Button).label = "Close"
            self.query_one("#cancel", Button).focus()
            return
        self.app.notify(message, severity="error" if problem else "information", markup=False)
        if self.is_current:
            self.dismiss(result=True)

    def _tell(self, text: str, role: str) -> None:
        outcome = self.query_one("#outcome", Painted)
        width = max(20, self._what.size.width - 2)
        rows = wrap([line((text, role))], width) if text else []
        outcome.display = bool(text)
        outcome.styles.height = max(1, len(rows))
        outcome.paint(rows)
