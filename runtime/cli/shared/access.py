"""The three ways from a command into the system, each open for the time of the command."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from runtime.cli.shared.options import read_settings
from runtime.client import AtlasClient
from runtime.control.control import Control
from runtime.view.reader import Reader


@contextmanager
def reader() -> Iterator[Reader]:
    """A reader for the time of a command."""
    with closing(Reader.from_settings(read_settings())) as opened:
        yield opened


@contextmanager
def control(actor: str) -> Iterator[Control]:
    """A control for the time of a command."""
    with closing(Control.from_settings(read_settings(), actor=actor)) as opened:
        yield opened


@contextmanager
def client() -> Iterator[AtlasClient]:
    """A client for the time of a command."""
    with AtlasClient.from_settings(read_settings()) as opened:
        yield opened
