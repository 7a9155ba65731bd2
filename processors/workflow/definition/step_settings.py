"""Errors and retries, which any node may be told of; and the settings of a whole workflow."""

from collections.abc import Mapping
from typing import Any

from processors.workflow.definition.fields import Fields
from processors.workflow.definition.flow import build
from processors.workflow.definition.problems import Findings
from processors.workflow.definition.waits import read_events
from processors.workflow.nodes import OnError, Reentry, Retry, WorkflowSettings

_ON_ERROR = {
    **dict.fromkeys(("stop", "fail"), "stop"),
    **dict.fromkeys(("continue", "ignore_errors"), "continue"),
    **dict.fromkeys(("edge", "error_edge", "branch"), "edge"),
}
_OF_ERROR = ("onError", "on_error", "errorHandling")
_BACKOFF = {word: word for word in ("fixed", "linear", "exponential")}
_PRIORITY = {"high": "high", "normal": "normal", "medium": "normal", "low": "low"}
_POLICIES = {
    **dict.fromkeys(("not_while_running", "after_completion"), "not_while_running"),
    **dict.fromkeys(("always", "every_time", "multiple"), "always"),
    **dict.fromkeys(("once", "never", "once_ever"), "once"),
    **dict.fromkeys(("once_per_period", "period"), "once_per_period"),
}
# Of a whole workflow, for people and for the builder.
_DISPLAY = ("notes", "color", "colour", "viewport")


def read_on_error(fields: Fields) -> OnError | None:
    """What happens after a node failed; None when it says nothing."""
    told = fields.choice(_ON_ERROR, *_OF_ERROR)
    goes_on = fields.flag("continueOnError", "continue_on_error")
    if goes_on is not None:
        meant = "continue" if goes_on else "stop"
        if told not in (None, meant):
            fields.refuse("onError and continueOnError say different things")
        told = meant
    return None if told is None else OnError(told)


def read_retry(fields: Fields) -> Retry | None:
    """How often a failed step runs again; None when it says nothing."""
    given = fields.object("retry", "retryConfig", "retry_config", "retryPolicy", "retry_policy")
    if given is None:
        return None
    inner = Fields(given, fields.where, fields.findings, "retry.")
    is_on = inner.flag("enabled")
    attempts = inner.whole("attempts", "maxAttempts", "max_attempts")
    backoff = inner.choice(_BACKOFF, "backoff", "backoffType", "backoff_type")
    base_ms = inner.number("backoffBase", "backoff_base")
    base_s = inner.number("base_s", "baseSeconds")
    inner.finish()
    if base_ms is not None and base_s is not None:
        inner.refuse("backoffBase (milliseconds) and base_s are one setting")
    if is_on is False:
        return Retry()
    base = base_ms / 1_000 if base_ms is not None else base_s
    default = 3 if attempts is None else attempts
    found = build(Retry, {"attempts": default, "backoff": backoff, "base_s": base}, inner)
    return found if isinstance(found, Retry) else None


def read_workflow_settings(
    raw: Mapping[str, Any], findings: Findings
) -> tuple[WorkflowSettings, Retry | None]:
    """The settings of a whole workflow, and the retries of nodes that name none."""
    fields = Fields(raw, "", findings, "settings: ")
    retry = read_retry(fields)
    values = {
        "priority": fields.choice(_PRIORITY, "priority"),
        "on_error": read_on_error(fields),
        "reentry": _reentry(fields),
        "stop_on": read_events(fields, "stopOn", "stop_on", "endOn", "end_on") or None,
        "max_executions": fields.whole(
            "maxConcurrentExecutions",
            "max_concurrent_executions",
            "maxExecutions",
            "max_executions",
        ),
    }
    fields.rest(*_DISPLAY)
    fields.finish()
    if values["on_error"] is OnError.EDGE:
        fields.refuse("onError: an edge belongs to a node; allowed for a workflow: stop, continue")
        return WorkflowSettings(), retry
    settings = build(WorkflowSettings, values, fields)
    return settings if isinstance(settings, WorkflowSettings) else WorkflowSettings(), retry


def _reentry(fields: Fields) -> Reentry | None:
    given = fields.take("reentry", "reEntry", "re_entry")
    allowed = fields.flag("allowReentry", "allow_reentry", "allowReEntry")
    if given is None:
        return None if allowed is None else Reentry(policy="always" if allowed else "once")
    inner = Fields(
        given if isinstance(given, Mapping) else {"policy": given}, "", fields.findings, "reentry: "
    )
    policy = inner.choice(_POLICIES, "policy", "mode")
    period = inner.span("period", "period_s")
    by = inner.choice({"contact": "contact", "booking": "booking"}, "by", "key")
    inner.finish()
    policy = policy or ("once_per_period" if period else None)
    if (policy == "once_per_period") is not (period is not None):
        inner.refuse("a period belongs to the policy once_per_period, and that to a period")
        return None
    seconds = period.total_seconds() if period else None
    found = build(Reentry, {"policy": policy, "period_s": seconds, "by": by}, inner)
    return found if isinstance(found, Reentry) else None
