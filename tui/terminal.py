"""Ends the dashboard with its terminal: on SIGHUP, on SIGTERM, and when the other end closes."""

import asyncio
import os
import signal
import sys
import threading
from typing import Any

from textual.app import App

_CHECK_S = 5.0
# Textual's writer blocks on a terminal that nobody reads; then only this ends the process.
_GRACE_S = 3.0
_HANGUP_EXIT = 128 + signal.SIGHUP


def watch_terminal(app: App[Any]) -> None:
    """Make the application end with its terminal."""
    if app.is_headless:
        return
    loop = asyncio.get_running_loop()
    for number in (signal.SIGHUP, signal.SIGTERM):
        loop.add_signal_handler(number, leave, app)

    def check() -> None:
        if sys.__stdin__ is not None and not os.isatty(sys.__stdin__.fileno()):
            leave(app)

    app.set_interval(_CHECK_S, check)


def leave(app: App[Any]) -> None:
    """Exit cleanly; if that takes longer than the grace time, exit at once."""
    timer = threading.Timer(_GRACE_S, os._exit, args=(_HANGUP_EXIT,))
    timer.daemon = True
    timer.start()
    app.exit()
