"""What a dashboard works with, in two halves: what it reads from, and what it acts through.

The halves of the live system are `LiveReads` and the runtime's own `Control`; the sample system is
both in one object. The controls have no protocol beside these two classes: mypy checks every call
of `Source.controls` against both, and ``tests/tui/test_sources.py`` runs both.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runtime.control.control import Control
    from tui.data.source import Reads
    from tui.sample.source import SampleSource


@dataclass(frozen=True, slots=True)
class Source:
    """The two halves. Calls of both block; those of `controls` come from one thread only."""

    reads: "Reads"
    controls: "Control | SampleSource"


def live_source(*, actor: str) -> Source:
    """The system that the settings name; `actor` stands in the audit stream.

    Raises:
        OpenError: the settings or the application are not usable.
    """
    from tui.data.live import open_live  # noqa: PLC0415 - the sample needs no client of Redis

    return Source(*open_live(actor=actor))


def sample_source(sample: "SampleSource | None" = None) -> Source:
    """A made-up system: that one, or a new one in which time passes."""
    from tui.sample.source import SampleSource  # noqa: PLC0415 - the live system needs no sample

    sample = sample or SampleSource(moving=True)
    return Source(sample, sample)
