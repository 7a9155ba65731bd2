"""How a job's messages stand."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from processors.senders.refusals import is_of_recipient


@dataclass(slots=True)
class Tally:
    """How a job's messages stand.

    Attributes:
        suppressed: people who must not be written to.
        retry_after_s: the longest wait a provider asked for.
        again: reasons why some must be tried again.
        fault: some because the provider is away, whatever the message.
        failed: reasons why some will not be delivered, or are not known to be.
        unreachable: how many of these are about the recipient alone.
        withheld: reasons why some are suppressed.
        later: when those may be sent that must not be sent yet, and why not.
    """

    sent: int = 0
    rejected: int = 0
    unknown: int = 0
    suppressed: int = 0
    retry_after_s: float | None = None
    fault: bool = False
    again: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    unreachable: int = 0
    withheld: list[str] = field(default_factory=list)
    later: list[tuple[datetime, str]] = field(default_factory=list)

    @property
    def total(self) -> int:
        """All recipients that were looked at."""
        ended = self.sent + self.rejected + self.unknown + self.suppressed
        return ended + len(self.again) + len(self.later)

    @property
    def status(self) -> str:
        """What became of a single recipient, in the words of a campaign."""
        if self.sent:
            return "sent"
        if self.unknown:
            return "unknown"
        if self.suppressed:
            return "suppressed"
        return "refused" if self.unreachable else "failed"

    def count(self, status: str, error: str | None, code: str | None = None) -> None:
        """Add a message that is in a final state."""
        if status == "sent":
            self.sent += 1
            return
        if status == "suppressed":
            self.suppressed += 1
            self.withheld.append(error or status)
            return
        if status == "unknown":
            self.unknown += 1
        else:
            self.rejected += 1
            self.unreachable += is_of_recipient(code)
        self.failed.append(error or status)

    def outputs(self) -> dict[str, int]:
        """The counts, as a job's or a step's result."""
        return {
            "sent": self.sent,
            "rejected": self.rejected,
            "unknown": self.unknown,
            "suppressed": self.suppressed,
        }

    def words(self, reasons: Sequence[str]) -> str:
        """Reasons as one line, each once."""
        several = f"{len(reasons)} of {self.total} recipients: " if self.total > 1 else ""
        return several + "; ".join(dict.fromkeys(reasons))[:400]
