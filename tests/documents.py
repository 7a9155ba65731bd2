"""The parts of the documents that are made from code: ``python -m tests.documents`` writes them."""

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from processors import application
from processors.settings import CrmSettings
from processors.texts.filters import FILTERS
from processors.workflow.actions.config import spellings
from processors.workflow.actions.registry import action_names, find_action
from runtime.broker.keys import OF_SCRIPTS, Keys
from runtime.cli.atlas import cli
from runtime.config.settings import Settings
from tui.screen_list import all_keys

ROOT = Path(__file__).parents[1]
DECISIONS = ROOT / "docs" / "decisions"
GUARANTEES = ROOT / "docs" / "guarantees.md"
# Options that every command or every change has; the page says so once.
_COMMON = {"--json", "--help", "--reason", "--actor"}
# The Redis type of each key, by its shape below the prefix; `test_redis_layout.py` compares them
# with a Redis in use.
_SHAPES = {
    "string": (
        "atlas:deployment",
        "atlas:recurred",
        "atlas:settled",
        "atlas:swept",
        "atlas:swept-orgs",
        "atlas:unique:*",
    ),
    "list": (
        "queue:*",
        "atlas:log:*",
        "atlas:recurring-runs:*",
    ),
    "set": (
        "job:*:dependents",
        "queues",
        "rl-keys",
        "workers",
        "workers:*",
        "atlas:held:*",
        "atlas:key:*",
        "atlas:parked-keys",
        "atlas:recurring-removed",
        "atlas:seen:*",
    ),
    "sorted set": (
        "canceled:*",
        "deferred:*",
        "executions:*",
        "failed:*",
        "finished:*",
        "ready:*",
        "rl:*|*:allowed",
        "rl:*|*:rate_limited",
        "scheduled:*",
        "wip:*",
        "atlas:due",
        "atlas:heads:*",
        "atlas:leases:*",
        "atlas:marker:*",
        "atlas:parked:*",
        "atlas:ring:*",
        "atlas:stalled:*",
    ),
    "hash": (
        "execution:*",
        "job:*",
        "rl:*",
        "worker:*",
        "atlas:breaker:*",
        "atlas:bucket:*",
        "atlas:children:*",
        "atlas:depth",
        "atlas:flow:*",
        "atlas:metrics:*",
        "atlas:orgs",
        "atlas:outages",
        "atlas:paused",
        "atlas:quarantine",
        "atlas:quiet",
        "atlas:recurring",
        "atlas:recurring-slots",
        "atlas:totals",
        "atlas:turns",
        "atlas:vclock",
    ),
    "stream": (
        "results:*",
        "atlas:audit",
        "atlas:events",
    ),
    "any": (
        "atlas:set-aside:*",
        "atlas:set-aside:quarantine",
    ),
}
TYPES = {shape: kind for kind, shapes in _SHAPES.items() for shape in shapes}


def settings_table() -> str:
    """All settings."""
    rows = ["| variable | default | allowed | what it is |", "|---|---|---|---|"]
    rows += [
        f"| `{line.variable}` | {_code(line.default)} | {_plain(line.allowed)} "
        f"| {_plain(line.documentation)} |"
        for line in Settings.reference(CrmSettings)
    ]
    return "\n".join(rows)


def _code(value: str) -> str:
    return value if "`" in value or value == "(none)" else f"`{value}`"


def _plain(text: str) -> str:
    """Text that Markdown shows as it is: <address> would be taken for a tag, * for emphasis."""
    return text if "`" in text else text.replace("<", "&lt;").replace("*", "\\*")


def keys_table() -> str:
    """All keys of the dashboard."""
    rows = ["| key | does |", "|---|---|"]
    rows += [f"| `{key.label}` | {key.long} |" for key in all_keys().values()]
    return "\n".join(rows)


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, with its whole name: not the groups of commands."""
    context = click.Context(cli)
    names = dict.fromkeys([*cli.list_commands(context), *(c.name for c in application.commands())])
    for name in names:
        command = cli.get_command(context, name)
        assert command is not None, name
        yield from _leaves(f"atlas {name}", command)


def _leaves(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        yield name, command
        return
    for child, below in command.commands.items():
        yield from _leaves(f"{name} {child}", below)


def commands_text() -> str:
    """All commands, a section each."""
    return "\n\n".join(_command_text(name, command) for name, command in commands())


def _command_text(name: str, command: click.Command) -> str:
    context = click.Context(command)
    arguments = [
        part
        for parameter in command.get_params(context)
        if isinstance(parameter, click.Argument)
        for part in parameter.get_usage_pieces(context)
    ]
    options = [p for p in command.get_params(context) if isinstance(p, click.Option)]
    rows = [
        f"| `{_option(record[0])}` | {_cell(record[1])} |"
        for option in options
        if not _COMMON & set(option.opts) and (record := option.get_help_record(context))
    ]
    text = inspect.cleandoc(command.help or "").replace("\n\n", "\0")
    about = text.replace("\n", " ").replace("\0", "\n\n")
    if not any("--json" in option.opts for option in options):
        about += "\n\nWithout `--json`."
    table = ["", "| option | meaning |", "|---|---|", *rows] if rows else []
    return "\n".join([f"### `{' '.join([name, *arguments])}`", "", _plain(about), *table])


def _option(text: str) -> str:
    """An option with its value, as a cell: `--limit N`."""
    return re.sub(r"(INTEGER|FLOAT)( RANGE)?$", "N", text).replace("|", "\\|")


def _cell(text: str) -> str:
    return _plain(re.sub(r"\(default: [^)]*@[^)]*\)", "", text)).replace("|", "\\|").strip()


def redis_keys() -> dict[str, str]:
    """Every key's shape below the prefix, with what it is; a star for each value."""
    found = {}
    for name, method in inspect.getmembers(Keys(""), inspect.ismethod):
        if not name.startswith("_"):
            arguments = inspect.signature(method).parameters
            shape = method(*("*" for _ in arguments)).removeprefix(":")
            found[shape] = inspect.getdoc(method) or ""
    return found | OF_SCRIPTS


def redis_keys_table() -> str:
    """All keys in Redis: RQ's, then ours."""
    known = redis_keys()
    missing = set(known) ^ set(TYPES)
    assert not missing, f"TYPES in tests/documents.py has no type for these, or too many: {missing}"
    order = sorted(known, key=lambda shape: (shape.startswith("atlas:"), shape))
    rows = ["| key | type | what it is |", "|---|---|---|"]
    rows += [
        f"| `{shape.replace('|', chr(92) + '|')}` | {TYPES[shape]} | {_meaning(known[shape])} |"
        for shape in order
    ]
    return "\n".join(rows)


def _meaning(text: str) -> str:
    """A docstring as a cell: one line, code as Markdown writes it."""
    line = " ".join(text.split()).replace("``", "`").replace("|", "\\|").rstrip(".")
    # The column beside it says the type.
    line = re.sub(
        r"^(?:sorted set|set|hash|list|stream|text)(?: of|:) ", "", line, flags=re.IGNORECASE
    )
    return line[:1].upper() + line[1:]


def decisions_table() -> str:
    """The decisions, each with its title, in the order of their numbers."""
    rows = ["| # | decision |", "|---|---|"]
    for file in sorted(DECISIONS.glob("[0-9]*.md")):
        number, _, title = file.read_text(encoding="utf-8").partition("\n")[0].partition(". ")
        rows.append(f"| {number.removeprefix('# ')} | [{title}]({file.name}) |")
    return "\n".join(rows)


def actions_table() -> str:
    """All actions of workflows, with their settings."""
    rows = ["| action | does | settings |", "|---|---|---|"]
    for name in action_names():
        found = find_action(name)
        names = ", ".join(f"`{each}`" for each in (name, *found.aliases))
        settings = "; ".join(
            f"`{setting}`" + (f" ({', '.join(also)})" if also else "")
            for setting, also in spellings(found.config).items()
        )
        rows.append(f"| {names} | {found.summary} | {settings} |")
    return "\n".join(rows)


def filters_text() -> str:
    """All filters."""
    return ", ".join(f"`{name}`" for name in sorted(FILTERS)) + "."


# Page, name of the place in it, what is put there.
PARTS: tuple[tuple[str, str, Callable[[], str]], ...] = (
    ("docs/settings.md", "settings", settings_table),
    ("docs/dashboard.md", "keys", keys_table),
    ("docs/commands.md", "commands", commands_text),
    ("docs/redis-layout.md", "keys of Redis", redis_keys_table),
    ("docs/decisions/README.md", "decisions", decisions_table),
    ("docs/workflow-actions.md", "actions", actions_table),
    ("docs/workflow-actions.md", "filters", filters_text),
)


def with_paths(text: str) -> str:
    """docs/guarantees.md with each test in the file where it is now; one that is gone stays."""
    files: dict[str, list[str]] = {}
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        for name in re.findall(
            r"^(?:async )?def (test_\w+)", file.read_text("utf-8"), re.MULTILINE
        ):
            files.setdefault(name, []).append(str(file.relative_to(ROOT / "tests")))

    def placed(named: re.Match[str]) -> str:
        path, name = named.groups()
        found = files.get(name, [path])
        return f"`{path if path in found else found[0]}::{name}`"

    return re.sub(r"`([\w/]+\.py)::(test_\w+)`", placed, text)


def made_anew(text: str, name: str, part: str) -> str:
    """A page with that part made from the code as it is now."""
    text, count = re.subn(
        rf"(<!-- {name}: [^\n]*-->\n).*?(<!-- end of {name} -->)",
        lambda marks: f"{marks[1]}\n{part}\n\n{marks[2]}",
        text,
        flags=re.DOTALL,
    )
    assert count == 1, f"there is no place for the {name}"
    return text


if __name__ == "__main__":
    for page, name, make in PARTS:
        path = ROOT / page
        path.write_text(made_anew(path.read_text(encoding="utf-8"), name, make()), encoding="utf-8")
    GUARANTEES.write_text(with_paths(GUARANTEES.read_text(encoding="utf-8")), encoding="utf-8")
