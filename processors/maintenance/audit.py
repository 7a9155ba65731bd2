"""Handler of audit: every open job is in exactly one place, or is put there again."""

from contextlib import closing
from typing import Any

import structlog

from processors.payloads import Audit
from processors.resources import resources_of
from runtime.context import JobContext
from runtime.control.auditor import Auditor, AuditReport

log = structlog.get_logger("atlas.audit")


def audit(ctx: JobContext, payload: Audit) -> dict[str, Any]:
    """Examine all jobs of the catalogue's queues and repair what is wrong.

    Raises:
        BrokerUnavailableError: Redis is away; an audit can be repeated at any time.
    """
    with closing(Auditor.from_settings(resources_of(ctx).settings)) as auditor:
        report = auditor.audit(repair=payload.repair)
    for line in _lines(report):
        ctx.log(line)
    tell = log.info if report.clean else log.warning
    tell("audited", examined=report.examined, repaired=report.repaired, **report.counts)
    return {
        "examined": report.examined,
        "wrong": report.counts,
        "repaired": report.repaired,
        "examples": [
            {"job": found.job_id, "queue": found.queue, "verdict": found.verdict}
            for found in report.findings
        ],
    }


def _lines(report: AuditReport) -> list[str]:
    counts = ", ".join(f"{count} {verdict}" for verdict, count in sorted(report.counts.items()))
    found = [f"{found.verdict}: {found.job_id} of {found.queue}" for found in report.findings]
    return [f"{report.examined} jobs examined: {counts or 'every one is where it belongs'}", *found]
