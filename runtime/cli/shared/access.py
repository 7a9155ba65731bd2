"""How a command reaches the system: to read it, to change it, to enqueue."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from runtime.cli.shared.options import read_settings
from runtime.client import AtlasClient
from runtime.control.control import Control
from runtime.view.reader import Reader


@contextmanager
def reader() -> Iterator[Reader]:
    """A reader, closed after the command."""
    with closing(Reader.from_settings(read_settings())) as opened:
        opened.check_prefix()
        yield opened


@contextmanager
def control(actor: str) -> Iterator[Control]:
    """A control, closed after the command."""
    with closing(Control.from_settings(read_settings(), actor=actor)) as opened:
        opened.check_prefix()
        yield opened


@contextmanager
def client() -> Iterator[AtlasClient]:
    """A client, closed after the command."""
    with AtlasClient.from_settings(read_settings()) as opened:
        yield opened
