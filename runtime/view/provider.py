"""A provider as operators see it: its breaker, its limits, what runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from runtime.broker.decode import field_of
from runtime.catalogue.catalogue import Provider
from runtime.sanitize.text import safe

_STATES = ("closed", "open", "half-open")


@dataclass(frozen=True, slots=True)
class ProviderSnapshot:
    """One provider and the logical queues that use it.

    `state` of its breaker: closed (jobs start), open (none does until `until`), half-open (one job
    tries). `forced_by` is who opened or closed it by hand, '' when it is left to itself.
    `failure_ratio` is over the breaker's window, None when nothing ended.
    """

    name: str
    queues: tuple[str, ...]
    state: str = "closed"
    since: datetime | None = None
    until: datetime | None = None
    forced_by: str = ""
    reason: str = ""
    failure_ratio: float | None = None
    running: int = 0
    concurrency: int | None = None
    limit_per_s: float | None = None

    @property
    def holds(self) -> bool:
        """True while no job of its queues may start, or only one."""
        return self.state != "closed"


def compose_provider(
    provider: Provider,
    queues: tuple[str, ...],
    fields: Mapping[bytes, bytes],
    *,
    running: int,
    now_ms: float,
) -> ProviderSnapshot:
    """From what breaker.lua keeps; unreadable fields count as absent."""

    def text(name: str) -> str:
        return field_of(fields, name)

    forced = text("forced")
    state = forced or text("state")
    until_ms = _number(text("until"))
    return ProviderSnapshot(
        name=provider.name,
        queues=queues,
        state=state if state in _STATES else "closed",
        since=_moment(_number(text("since"))),
        until=_moment(until_ms) if until_ms > now_ms and not forced else None,
        forced_by=safe(text("by"), 80) if forced else "",
        reason=safe(text("reason"), 200) if forced else "",
        failure_ratio=_ratio(fields, provider, now_ms),
        running=running,
        concurrency=provider.concurrency,
        limit_per_s=provider.rate.jobs / provider.rate.per_s if provider.rate else None,
    )


def _ratio(fields: Mapping[bytes, bytes], provider: Provider, now_ms: float) -> float | None:
    """The script's own estimate (lib/breaker.lua)."""
    if provider.breaker is None:
        return None
    counts = {
        name: _number(field_of(fields, name)) for name in ("at", "ok", "bad", "last_ok", "last_bad")
    }
    window_ms = provider.breaker.window_s * 1000
    elapsed_ms = now_ms - counts["at"]
    if elapsed_ms >= 2 * window_ms:
        return None
    if elapsed_ms >= window_ms:
        counts |= {"last_ok": counts["ok"], "last_bad": counts["bad"], "ok": 0.0, "bad": 0.0}
        elapsed_ms -= window_ms
    share = 1 - elapsed_ms / window_ms
    ill = counts["bad"] + counts["last_bad"] * share
    total = ill + counts["ok"] + counts["last_ok"] * share
    return ill / total if total else None


def _number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return 0.0


def _moment(ms: float) -> datetime | None:
    if not ms:
        return None
    try:
        return datetime.fromtimestamp(ms / 1000, UTC)
    except (OverflowError, OSError, ValueError):
        return None
