"""``atlas-dash``: starts the dashboard."""

import getpass
import os
import socket
import sys
from collections.abc import Sequence

import click

from runtime import __version__
from runtime.cli.shared.errors import run_command

# Textual reads these when it is imported. Ten frames a second are plenty for a picture that
# changes once, and animations and smooth scrolling send the same content again and again.
_TERMINAL_DEFAULTS = {
    "TEXTUAL_FPS": "10",
    "TEXTUAL_ANIMATIONS": "none",
    "TEXTUAL_SMOOTH_SCROLL": "0",
}


def set_terminal_defaults() -> None:
    """Set what Textual reads when it is imported, except what the operator has set."""
    for name, value in _TERMINAL_DEFAULTS.items():
        os.environ.setdefault(name, value)


def default_actor() -> str:
    """Who acts: user@host."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = f"uid{os.getuid()}"
    return f"{user}@{socket.gethostname()}"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="atlas-dash", message="%(prog)s %(version)s")
@click.option("--actor", help="Your name in the audit log. [default: user@host]")
@click.option(
    "--refresh",
    type=click.FloatRange(min=0.2, max=3600),
    default=1.0,
    show_default=True,
    help="Seconds between two readings of Redis.",
)
@click.option("--read-only", is_flag=True, help="Show everything, but allow no change.")
@click.option("--sample", is_flag=True, help="Show a made-up system, to look around without Redis.")
def dashboard(actor: str | None, refresh: float, *, read_only: bool, sample: bool) -> None:
    """Watch and control Atlas queue in the terminal. Press ? inside for the keys."""
    # Textual writes to standard error.
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        click.echo("atlas-dash: needs a terminal; for scripts there is: atlas status", err=True)
        sys.exit(2)
    set_terminal_defaults()
    run(actor or default_actor(), refresh, read_only=read_only, sample=sample)


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point; exits with 0, 1 (it failed) or 2 (wrong usage or settings, no terminal)."""
    run_command(dashboard, "atlas-dash", arguments)


def run(actor: str, refresh_s: float, *, read_only: bool, sample: bool) -> None:
    """Make the source and run the application until the operator quits."""
    # Imported here, since Textual reads its environment when it is imported.
    from tui.app import DashApp  # noqa: PLC0415
    from tui.data.source import OpenError  # noqa: PLC0415
    from tui.session import Options  # noqa: PLC0415
    from tui.source import live_source, sample_source  # noqa: PLC0415

    try:
        source = sample_source() if sample else live_source(actor=actor)
    except OpenError as error:
        for problem in error.problems:
            click.echo(f"atlas-dash: {problem}", err=True)
        sys.exit(2)
    app = DashApp(source, Options(actor=actor, refresh_s=refresh_s, read_only=read_only))
    app.run()
    sys.exit(app.return_code or 0)


if __name__ == "__main__":
    main()
