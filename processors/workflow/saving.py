"""Saving a workflow: a definition that cannot be carried out is refused, with every problem."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from processors.database.models import WORKFLOW_STATUSES, Organisation, Workflow, utc_now
from processors.errors import DefinitionError
from processors.workflow.validator import problems_of

_FIELDS = {
    "id", "name", "status", "trigger_type", "trigger_config", "nodes", "edges", "variables",
    "settings",
}  # fmt: skip
# Of the builder's export: about the definition, not part of it.
_IGNORED = {"category", "description", "org_id", "created_at", "updated_at"}
_SHOWN = 10


def save_workflow(
    session: Session, org: str, definition: Mapping[str, Any], *, status: str | None = None
) -> Workflow:
    """Store a definition; one with the same id is replaced.

    Running executions keep the definition they began with.

    Args:
        session: a write transaction.
        org: whose workflow it is.
        definition: as the builder exports it.
        status: instead of the definition's own; default is ``draft``.

    Raises:
        DefinitionError: it cannot be carried out as it says; one line a problem.
    """
    chosen = status or definition.get("status") or "draft"
    if problems := _problems(session, org, definition, chosen):
        more = [f"and {len(problems) - _SHOWN} more"] if len(problems) > _SHOWN else []
        raise DefinitionError("\n".join([*problems[:_SHOWN], *more]))
    values = {
        "name": str(definition.get("name") or definition["id"])[:200],
        "status": chosen,
        "trigger_type": definition.get("trigger_type"),
        "trigger_config": dict(definition.get("trigger_config") or {}),
        "nodes": list(definition["nodes"]),
        "edges": list(definition.get("edges") or []),
        "variables": list(definition.get("variables") or []),
        "settings": dict(definition.get("settings") or {}),
        "updated_at": utc_now(),
    }
    workflow = session.get(Workflow, (org, definition["id"]))
    if workflow is None:
        workflow = Workflow(org_id=org, id=definition["id"], **values)
        session.add(workflow)
    else:
        for name, value in values.items():
            setattr(workflow, name, value)
    return workflow


def _problems(
    session: Session, org: str, definition: Mapping[str, Any], status: object
) -> list[str]:
    problems = [str(problem) for problem in problems_of(definition)]
    if session.get(Organisation, org) is None:
        problems.insert(0, f"there is no organisation {org!r}")
    if status not in WORKFLOW_STATUSES:
        problems.append(f"status is {status!r}; allowed: {', '.join(WORKFLOW_STATUSES)}")
    problems += [
        f"the field {str(key)[:60]!r} is not understood; allowed: {', '.join(sorted(_FIELDS))}"
        for key in definition
        if key not in _FIELDS | _IGNORED
    ]
    return problems
