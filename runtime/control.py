"""Steering: every write an operator can make; each is recorded in the audit stream."""

from collections.abc import Sequence
from typing import Self

from runtime.settings import Settings
from runtime.snapshot import ActionResult, Plan


class Control:
    """`actor` is who acts, e.g. ``ana@bastion1``; it stands in the audit stream."""

    @classmethod
    def from_settings(cls, settings: Settings, *, actor: str) -> Self:
        raise NotImplementedError

    def pause(self, queue: str, *, reason: str = "") -> ActionResult:
        raise NotImplementedError

    def resume(self, queue: str, *, reason: str = "") -> ActionResult:
        raise NotImplementedError

    def plan_retry(self, *, ids: Sequence[str] = (), queue: str | None = None) -> Plan:
        """Fix what a retry would touch: those ids, or all failed of `queue` (None: of every queue)."""
        raise NotImplementedError

    def plan_delete(self, ids: Sequence[str]) -> Plan:
        raise NotImplementedError

    def apply(self, plan: Plan, *, reason: str = "") -> ActionResult:
        """Carry out a retry or delete plan in chunks; jobs gone meanwhile are skipped and counted."""
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError
