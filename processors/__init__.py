"""The CRM's domain: workflows, messages, leads, analytics, maintenance, and their database.

Importing this package is cheap: a producer needs the catalogue, not SQLAlchemy. What is heavier is
imported when a worker opens the application or a command runs.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from processors.catalogue import CATALOGUE
from processors.middleware import OneAtATime
from processors.recurring import RECURRING
from processors.senders.unserved import UNUSED, unserved
from processors.settings import CrmSettings
from runtime.application import Application, AuditResult, CheckResult
from runtime.middleware import LogContext, TraceContext

if TYPE_CHECKING:
    import click

    from processors.workflow.definition.workflows import Workflows
    from runtime.config.settings import Settings

__all__ = ["Workflows", "application"]
_MODULES = {"Workflows": "processors.workflow.definition.workflows"}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


@contextmanager
def _open(settings: "Settings") -> Iterator[Any]:
    from processors.opening import open_resources  # noqa: PLC0415 - imports SQLAlchemy

    with open_resources(settings) as resources:
        yield resources


def _probe(resources: Any) -> None:
    from processors.opening import probe  # noqa: PLC0415 - loaded already where this is called

    probe(resources)


def _checks(settings: "Settings") -> Iterable[CheckResult]:
    from processors.checks import check  # noqa: PLC0415 - imports SQLAlchemy

    return check(settings)


def _audits(settings: "Settings", *, repair: bool) -> Iterable[AuditResult]:
    from processors.maintenance.executions import audit_executions  # noqa: PLC0415

    return audit_executions(settings, put_right=repair)


def _commands() -> Iterable["click.Command"]:
    from processors.campaigns.commands import campaigns  # noqa: PLC0415
    from processors.campaigns.segment_commands import segments  # noqa: PLC0415
    from processors.compliance.consent_commands import consent  # noqa: PLC0415
    from processors.compliance.suppression_commands import suppressions  # noqa: PLC0415
    from processors.dead_letters.commands import dead_letters  # noqa: PLC0415
    from processors.importing.commands import import_  # noqa: PLC0415
    from processors.messaging.commands import messages  # noqa: PLC0415 - imports click
    from processors.templates.commands import template  # noqa: PLC0415
    from processors.workflow.definition.commands import workflow  # noqa: PLC0415
    from processors.workflow.execution.commands import executions  # noqa: PLC0415
    from processors.workflow.trigger_command import trigger  # noqa: PLC0415

    return (
        messages, campaigns, segments, dead_letters, trigger, workflow, executions, template,
        consent, suppressions, import_,
    )  # fmt: skip


application = Application(
    catalogue=CATALOGUE,
    open=_open,
    checks=_checks,
    audits=_audits,
    commands=_commands,
    unserved=unserved,
    unused=UNUSED,
    settings_groups=(CrmSettings,),
    probe=_probe,
    recurring=RECURRING,
    middleware=(
        LogContext(),
        TraceContext(),
        OneAtATime({"audit", "reconcile_messages", "repair_executions"}),
    ),
)
