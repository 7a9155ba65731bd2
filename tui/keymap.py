"""The keys that move and look, as data.

The screens' numbers are in `tui.screen_list`, the keys that control in `tui.screens.controls`.

Rule: lower-case letters, digits and arrows never change a job, a queue or a worker. A capital
opens a dialog that says what would happen; only its button acts.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from textual.binding import Binding, BindingType

CONTROL = "control_"
"""How the action of a key begins that leads to a change."""


@dataclass(frozen=True, slots=True)
class Key:
    """One entry of the key map.

    Attributes:
        keys: as Textual names them, several separated by commas.
        action: the name of the action method, without ``action_``.
        long: what it does, for the help and docs/dashboard.md.
        label: how the key is written on the screen.
        short: the word beside the key in the key bar; empty: the bar does not show it.
        bar: how the key is written in the key bar, if that differs from `label`.
    """

    keys: str
    action: str
    long: str
    label: str
    short: str = ""
    bar: str = ""

    @property
    def controls(self) -> bool:
        """Whether it leads to a change, which read-only mode hides and refuses."""
        return self.action.startswith(CONTROL)


KEYS: dict[str, Key] = {
    "open": Key("enter", "open", "open what the cursor is on", "enter", "open"),
    "back": Key("escape", "back", "clear filter or marks, then one level up", "esc", "back"),
    "down": Key("j,down", "move(1)", "down", "j ↓"),
    "up": Key("k,up", "move(-1)", "up", "k ↑"),
    "top": Key("g,home", "top", "to the top", "g"),
    "bottom": Key("G,end", "bottom", "to the bottom", "G"),
    "page-down": Key("pagedown,ctrl+d", "page(1)", "one page down", "PgDn"),
    "page-up": Key("pageup,ctrl+u", "page(-1)", "one page up", "PgUp"),
    "next-state": Key(
        "right_square_bracket", "state(1)", "next state, attempt or kind of event", "]", "state"
    ),
    "previous-state": Key("left_square_bracket", "state(-1)", "the previous one", "["),
    "filter": Key("slash", "filter", "filter what is listed", "/", "filter"),
    "mark": Key("space", "mark", "mark or unmark the row", "space", "mark"),
    "mark-page": Key("a", "mark_page", "mark or unmark all rows of this page", "a"),
    "zoom": Key("z", "zoom", "plots over 5 or 60 minutes", "z"),
    "freeze": Key("full_stop", "freeze", "freeze what is shown, or go on", ".", "freeze"),
    "follow": Key("f", "follow", "follow the newest event, or stay here", "f", "follow"),
    "help": Key("question_mark,f1", "help", "the keys of this screen", "?", "help"),
    "palette": Key("ctrl+p", "command_palette", "go to a queue or a screen by name", "^p", "go"),
    "quit": Key("q", "quit", "quit", "q", "quit"),
    "quit-now": Key("ctrl+q", "quit", "quit, also from a dialog", "ctrl+q"),
    "choose": Key("right,space", "choose(1)", "in a dialog, the next choice", "→"),
    "choose-back": Key("left", "choose(-1)", "in a dialog, the previous choice", "←"),
    "pane": Key("tab", "app.focus_next", "next pane or field", "tab"),
}


def bind(*ids: str, keys: Mapping[str, Key] = KEYS) -> list[BindingType]:
    """Textual bindings of those entries; the id lets an operator rebind one."""
    return [binding(id_, keys[id_]) for id_ in ids]


def binding(id_: str, key: Key) -> Binding:
    """The Textual binding of that entry."""
    return Binding(
        key.keys,
        key.action,
        key.short or key.long,
        id=id_,
        show=bool(key.short),
        key_display=key.bar or key.label,
        tooltip=key.long,
        priority=id_ == "quit-now",
    )
