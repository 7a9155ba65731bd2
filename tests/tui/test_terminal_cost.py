"""The real dashboard in a real pty: what it costs, how it ends."""

import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest

from runtime import __version__
from tests.tui.terminal import Terminal, measure

READY = b"dead-letter"
SIZES = ((80, 24), (120, 40), (200, 60))


def test_cost_with_everything_changing_each_second():
    """At three sizes at once; the plots are drawn again every 5 s, so one of these is in it."""
    with contextlib.ExitStack() as stack:
        terminals = [stack.enter_context(Terminal(*size)) for size in SIZES]
        for terminal in terminals:
            terminal.wait_for(READY)
        measure(terminals, 1.5)
        costs = measure(terminals, 6)
        for size, cost in zip(SIZES, costs, strict=True):
            print(f"{size}: {cost.bytes_per_s:.0f} B/s, {cost.core_percent:.1f} % of a core")
            assert 200 < cost.bytes_per_s <= 6_000
            assert cost.core_percent <= 10
        for terminal in terminals:
            terminal.press(b"q")
            assert terminal.wait_exit() == 0


def test_a_key_is_answered_with_little():
    with Terminal(120, 40, ("--sample", "--refresh", "60")) as terminal:
        terminal.wait_for(READY)
        terminal.read_for(0.5)
        before = len(terminal.output)
        terminal.press(b"j")
        end = time.monotonic() + 60
        while len(terminal.output) == before and time.monotonic() < end:
            terminal.read_for(0.05)
        terminal.read_for(0.3)
        assert 0 < len(terminal.output) - before <= 1_500


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_ends_in_order_when_asked_to(number):
    with Terminal(80, 24) as terminal:
        terminal.wait_for(READY)
        os.kill(terminal.pid, number)
        assert terminal.wait_exit() == 0
        assert b"\x1b[?1049l" in terminal.output, "the terminal was given back"


def test_ends_when_the_terminal_is_gone():
    with Terminal(80, 24) as terminal:
        terminal.wait_for(READY)
        os.close(terminal.fd)
        terminal.fd = -1
        end = time.monotonic() + 60
        while not os.waitpid(terminal.pid, os.WNOHANG)[0]:
            assert time.monotonic() < end, "a ghost without a terminal is left behind"
            time.sleep(0.05)
        terminal.pid = 0


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "tui", *arguments], capture_output=True, text=True, check=False
    )


def test_without_a_terminal_it_says_what_to_use_instead():
    done = run("--sample")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "atlas-dash: needs a terminal; for scripts there is: atlas status\n"


def test_version_needs_no_terminal():
    assert run("--version").stdout == f"atlas-dash {__version__}\n"


def test_help_and_wrong_use():
    assert "--read-only" in run("--help").stdout
    wrong = run("--refresh", "0")
    assert wrong.returncode == 2
    assert "0.2<=x<=3600" in wrong.stderr
