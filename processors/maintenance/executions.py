"""Handler of repair_executions, and what ``atlas audit`` says of executions."""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from processors.database.engine import sqlite_file
from processors.database.migrate import migrate
from processors.database.models import utc_now
from processors.database.opening import database_of
from processors.maintenance.stranded import find_stranded, repair
from processors.payloads.system import RepairExecutions
from processors.resources import resources_of
from processors.settings import CrmSettings
from runtime.application import AuditResult
from runtime.client import AtlasClient
from runtime.config.settings import Settings
from runtime.context import JobContext
from runtime.outcomes import Snooze

log = structlog.get_logger("atlas.audit")

# Left of the job's time when no further page is begun.
_MARGIN = timedelta(seconds=10)
_AFTER = timedelta(seconds=30)
_EXAMPLES = 20
_SUBJECT = "open workflow steps"


def repair_executions(ctx: JobContext, payload: RepairExecutions) -> dict[str, Any]:
    """Find stranded executions and move them on.

    Raises:
        Snooze: time runs out; uses no attempt.
    """
    resources = resources_of(ctx)
    counts: Counter[str] = Counter()
    examined = 0
    after = timedelta(seconds=payload.after_s)
    now = ctx.now()
    pages = find_stranded(resources.database, ctx.client.states, now=now, after=after)
    for number, found in pages:
        examined += number
        counts.update(stranded.verdict for stranded in found)
        for stranded in found:
            ctx.log(f"{stranded.verdict}: execution {stranded.execution_id} {stranded.key}")
        for jobs in repair(resources.database, resources.settings, found, now=now):
            ctx.client.enqueue_many(jobs)
        if datetime.now(UTC) > ctx.deadline - _MARGIN:
            raise Snooze(datetime.now(UTC), reason=f"{examined} steps examined; the rest follows")
    if counts:
        log.warning("executions were stranded", examined=examined, **_names(counts))
    return {"examined": examined, "repaired": dict(counts)}


def audit_executions(settings: Settings, *, put_right: bool) -> Iterator[AuditResult]:
    """One result for the open steps of all executions.

    Raises:
        DatabaseUnavailableError: the database did not answer.
        BrokerUnavailableError: Redis is away.
    """
    counts: Counter[str] = Counter()
    examples: list[str] = []
    examined = 0
    own = settings.of(CrmSettings)
    file = sqlite_file(own.database.url.get_secret_value())
    if file is not None and not file.exists():
        # To look must not create what is looked for.
        yield AuditResult(_SUBJECT, 0)
        return
    database = database_of(own)
    with closing(database), AtlasClient.from_settings(settings) as client:
        migrate(database)
        now = utc_now()
        for number, found in find_stranded(database, client.states, now=now, after=_AFTER):
            examined += number
            counts.update(stranded.verdict for stranded in found)
            examples += [
                f"{stranded.verdict}: {stranded.execution_id} {stranded.key}".rstrip()
                for stranded in found[: _EXAMPLES - len(examples)]
            ]
            for jobs in repair(database, settings, found, now=now) if put_right else ():
                client.enqueue_many(jobs)
    yield AuditResult(_SUBJECT, examined, dict(counts), tuple(examples))


def _names(counts: Counter[str]) -> dict[str, int]:
    return {verdict.replace(" ", "_"): count for verdict, count in counts.items()}
