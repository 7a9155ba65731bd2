"""What the commands do where a person sits: questions, help, completion."""

import os
import pty
import re
import select
import signal
import sys
from collections.abc import Callable, Iterator

import click
import pytest

from runtime import __version__
from runtime.cli.atlas import cli
from tests.runtime.cli.conftest import ROOT, Command, Outcome


def in_terminal(environment: dict[str, str], answer: str, *arguments: str) -> tuple[int, str]:
    """Run ``atlas`` in a terminal of its own and type an answer; exit code and screen."""
    variables = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environment}
    pid, terminal = pty.fork()
    if pid == 0:
        # A test run in the background ignores it, and so would all it starts.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.execve(sys.executable, [sys.executable, "-m", "runtime.cli", *arguments], variables)
    shown = b""
    while True:
        if b"go on?" in shown and not select.select([terminal], [], [], 0.3)[0]:
            # Typed when the program is silent, and again while it is: a Ctrl-C that comes just
            # before Python's input() blocks is noticed with the next key only.
            os.write(terminal, answer.encode())
        try:
            piece = os.read(terminal, 4_096)
        except OSError:  # Linux: the other side has closed the terminal
            break
        if not piece:
            break
        shown += piece
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode()


@pytest.fixture
def failed_jobs(atlas: Command, work_off: Callable[[], None]) -> None:
    atlas("enqueue", "fail", "--org", "org_a", "--count", "3")
    work_off()


def waiting(atlas: Command) -> int:
    queues = atlas("status", "--json").json["queues"]
    return int(next(q["waiting"] for q in queues if q["name"] == "test:plain"))


@pytest.mark.usefixtures("failed_jobs")
@pytest.mark.parametrize("answer", ["n\n", "\n", "\x03"], ids=["no", "enter", "ctrl-c"])
def test_anything_but_yes_changes_nothing(atlas: Command, environment: dict[str, str], answer: str):
    code, shown = in_terminal(environment, answer, "retry", "--queue", "test:plain", "--all")
    assert code != 0
    assert "Traceback" not in shown
    assert waiting(atlas) == 0


@pytest.mark.usefixtures("failed_jobs")
@pytest.mark.parametrize(("answer", "option"), [("y\n", []), ("", ["--yes"])])
def test_yes_acts(atlas: Command, environment: dict[str, str], answer: str, option: list[str]):
    code, shown = in_terminal(
        environment, answer, "retry", "--queue", "test:plain", "--all", *option
    )
    assert code == 0, shown
    assert "plan: retry 3 jobs of test:plain" in shown
    assert ("go on?" in shown) == (not option)
    assert waiting(atlas) == 3


def test_the_help_lists_every_command_and_none_is_broken(
    atlas: Command, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("ATLAS_APPLICATION", "processors")
    text = atlas("--help").out
    assert max(len(line) for line in text.splitlines()) <= 80
    listed = text.split("See what happens:")[1].splitlines()
    names = [line.split()[0] for line in listed if re.match(r" {2}\S", line)]
    assert {"status", "jobs", "retry", "check", "messages", "executions"} <= set(names)
    for name in names:
        for command in leaves(cli, name):
            done = atlas(*command, "--help")
            assert done.code == 0, done
            # An export is JSON already.
            assert "--json" in done.out or command[-1] == "export", command


def leaves(group: click.Group, name: str) -> Iterator[list[str]]:
    """A command by its words, or those of a group."""
    found = group.get_command(click.Context(group), name)
    assert found is not None
    if not isinstance(found, click.Group):
        yield [name]
        return
    for inner in found.list_commands(click.Context(found)):
        yield from ([name, *words] for words in leaves(found, inner))


def test_the_version_is_told(atlas: Command):
    assert atlas("--version").out == f"atlas {__version__}\n"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("atlas pa", ["plain,pause"]),
        ("atlas jobs test:", ["plain,test:plain", "plain,test:fair", "plain,test:rated"]),
        ("atlas pause test:f", ["plain,test:fair"]),
        ("atlas jobs test:plain --state fa", ["plain,failed"]),
    ],
)
def test_the_shell_completes(run_program: Callable[..., Outcome], words: str, expected: list[str]):
    done = run_program(
        "runtime.cli",
        _ATLAS_COMPLETE="bash_complete",
        COMP_WORDS=words,
        COMP_CWORD=str(len(words.split()) - 1),
    )
    assert done.out.split() == expected
