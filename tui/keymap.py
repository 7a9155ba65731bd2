"""Every key of the dashboard, as data.

Rule: lower-case letters, digits and arrows never change a job, a queue or a worker. A capital
opens a plan; only the plan acts.
"""

from dataclasses import dataclass

from textual.binding import Binding, BindingType


@dataclass(frozen=True, slots=True)
class Key:
    """One entry of the key map.

    Attributes:
        keys: as Textual names them, several separated by commas.
        action: the action method's name, without ``action_``.
        short: the word beside the key in the key bar; empty keeps it out of there.
        long: the line in the help.
        label: how the key is written on the screen.
        acts: it leads to a change (hidden and refused in read-only mode).
        bar: how the key is written in the key bar, if that differs from `label`.
    """

    keys: str
    action: str
    long: str
    label: str
    short: str = ""
    acts: bool = False
    bar: str = ""


KEYS: dict[str, Key] = {
    "view-overview": Key(
        "1", "view('overview')", "overview of all queues", "1", "views", bar="1-6"
    ),
    "view-failed": Key("2", "view('failed')", "failed jobs of all queues", "2"),
    "view-stalled": Key("3", "view('stalled')", "stalled jobs of all queues", "3"),
    "view-workers": Key("4", "view('workers')", "workers and the machine", "4"),
    "view-events": Key("5", "view('events')", "what happened, as it happens", "5"),
    "view-recurring": Key("6", "view('recurring')", "recurring jobs", "6"),
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
    "freeze": Key("full_stop", "freeze", "freeze the picture, or let it go on", ".", "freeze"),
    "follow": Key("f", "follow", "follow the newest event, or stay here", "f", "follow"),
    "pause": Key(
        "P",
        "pause",
        "pause or resume queue or recurring job, with a reason",
        "P",
        "pause",
        acts=True,
    ),
    "quiet": Key(
        "W",
        "quiet",
        "let workers take no further job, or take jobs again",
        "W",
        "quiet",
        acts=True,
    ),
    "breaker": Key(
        "B",
        "breaker",
        "hold the queue's breaker open or closed, or let it be",
        "B",
        "breaker",
        acts=True,
    ),
    "retry": Key(
        "R", "retry", "plan a retry: this job, the marked, or all", "R", "retry", acts=True
    ),
    "retry-group": Key(
        "E",
        "retry_group",
        "plan a retry of all that failed with this job's error",
        "E",
        "same error",
        acts=True,
    ),
    "delete": Key("X", "delete", "plan a deletion: this job or the marked", "X", "del", acts=True),
    "help": Key("question_mark,f1", "help", "the keys of this place", "?", "help"),
    "palette": Key("ctrl+p", "command_palette", "go to a queue or a view by name", "^p", "go"),
    "quit": Key("q", "quit", "quit", "q", "quit"),
    "quit-now": Key("ctrl+q", "quit", "quit, also from a dialog", "ctrl+q"),
    "choose": Key("right,space", "choose(1)", "in a dialog, the next choice", "→"),
    "choose-back": Key("left", "choose(-1)", "in a dialog, the previous choice", "←"),
    "pane": Key("tab", "app.focus_next", "next pane or field", "tab"),
}


def bind(*ids: str) -> list[BindingType]:
    """Textual bindings for those entries, each with its id so that it can be bound anew."""
    return [_binding(id_, KEYS[id_]) for id_ in ids]


def _binding(id_: str, key: Key) -> Binding:
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
