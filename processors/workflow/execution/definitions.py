"""Definitions, read once a process: the versions that executions run by, and who listens."""

import hashlib
import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, Generic, TypeVar

from sqlalchemy import Integer, case, cast, func, select
from sqlalchemy.orm import Session

from processors.database.insert import insert_new
from processors.database.models import Organisation, Workflow, WorkflowVersion
from processors.errors import DefinitionError
from processors.event_names import canonical
from processors.workflow.execution.plan import Plan
from processors.workflow.execution.reading import read_definition

K = TypeVar("K")
V = TypeVar("V")
_PARTS = ("name", "trigger_type", "trigger_config", "nodes", "edges", "variables", "settings")
_MAX_PLANS = 2_000
_MAX_ORGANISATIONS = 5_000


@dataclass(frozen=True, slots=True)
class Listening:
    """An active workflow of an organisation.

    Attributes:
        events: it listens to; all if it cannot be read and names none.
        plan: None if it cannot be read.
        problem: why.
    """

    workflow_id: str
    name: str
    events: frozenset[str]
    plan: Plan | None
    problem: str = ""


class _Cache(Generic[K, V]):
    """The least recently used is forgotten."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._found: OrderedDict[K, V] = OrderedDict()
        self._lock = Lock()

    def get(self, key: K) -> V | None:
        with self._lock:
            if key in self._found:
                self._found.move_to_end(key)
            return self._found.get(key)

    def put(self, key: K, value: V) -> None:
        with self._lock:
            self._found[key] = value
            self._found.move_to_end(key)
            if len(self._found) > self._size:
                self._found.popitem(last=False)


# By database: a test, and a process that moves data, have several.
PLANS: _Cache[tuple[str, str, str, int], Plan] = _Cache(_MAX_PLANS)
_LISTENING: _Cache[tuple[str, str], tuple[Any, list[Listening]]] = _Cache(_MAX_ORGANISATIONS)


def plan_of(session: Session, org: str, workflow_id: str, version: int) -> Plan:
    """A version of a workflow, ready to run.

    Raises:
        DefinitionError: there is no such version, or it cannot run.
    """
    key = (database_name(session), org, workflow_id, version)
    plan = PLANS.get(key)
    if plan is None:
        definition = session.scalar(
            select(WorkflowVersion.definition).where(
                WorkflowVersion.org_id == org,
                WorkflowVersion.workflow_id == workflow_id,
                WorkflowVersion.version == version,
            )
        )
        if definition is None:
            raise DefinitionError(f"there is no version {version} of the workflow {workflow_id!r}")
        plan = Plan(read_definition(definition, workflow_id=workflow_id, version=version))
        PLANS.put(key, plan)
    return plan


def listening(session: Session, org: str) -> tuple[Organisation | None, list[Listening]]:
    """The organisation and its active workflows, by id.

    One statement, as long as none of its workflows has changed.
    """
    organisation, stamp = _stamped(session, org)
    if organisation is None:
        return None, []
    key = (database_name(session), org)
    known = _LISTENING.get(key)
    if known is not None and known[0] == stamp:
        return organisation, known[1]
    query = select(Workflow).where(Workflow.org_id == org, Workflow.status == "active")
    found = [
        _listening(session, workflow) for workflow in session.scalars(query.order_by(Workflow.id))
    ]
    # A version that was written now has changed the stamp.
    _LISTENING.put(key, (_stamped(session, org)[1], found))
    return organisation, found


def _stamped(session: Session, org: str) -> tuple[Organisation | None, Any]:
    """The organisation, and what differs whenever any of its workflows does."""
    of_org = Workflow.org_id == Organisation.id
    stamp = (
        select(func.count()).where(of_org).correlate(Organisation).scalar_subquery(),
        select(func.max(Workflow.updated_at)).where(of_org).correlate(Organisation)
        .scalar_subquery(),
        select(func.sum(Workflow.version)).where(of_org).correlate(Organisation).scalar_subquery(),
        select(func.sum(cast(case((Workflow.status == "active", 1), else_=0), Integer)))
        .where(of_org).correlate(Organisation).scalar_subquery(),
    )  # fmt: skip
    row = session.execute(select(Organisation, *stamp).where(Organisation.id == org)).one_or_none()
    return (None, None) if row is None else (row[0], tuple(row[1:]))


def _listening(session: Session, workflow: Workflow) -> Listening:
    try:
        version = current_version(session, workflow)
        plan = plan_of(session, workflow.org_id, workflow.id, version)
    except DefinitionError as error:
        stored = frozenset({canonical(workflow.trigger_type)} if workflow.trigger_type else ())
        return Listening(workflow.id, workflow.name, stored, None, str(error))
    return Listening(workflow.id, workflow.name, plan.events, plan)


def current_version(session: Session, workflow: Workflow) -> int:
    """The version that holds a workflow as it is now; it is written if nobody has.

    The CRM may write definitions beside us: whatever differs from the newest version is a version.
    """
    definition = {part: getattr(workflow, part) for part in _PARTS}
    digest = digest_of(definition)
    query = select(WorkflowVersion.version, WorkflowVersion.digest).where(
        WorkflowVersion.org_id == workflow.org_id, WorkflowVersion.workflow_id == workflow.id
    )
    known = {row.version: row.digest for row in session.execute(query)}
    if known.get(workflow.version) == digest:
        return workflow.version
    version = workflow.version
    if version in known:
        version = max(known) + 1
        workflow.version = version
    row = {
        "org_id": workflow.org_id,
        "workflow_id": workflow.id,
        "version": version,
        "definition": definition,
        "digest": digest,
        "author": None,
        "created_at": workflow.updated_at,
    }
    insert_new(session, WorkflowVersion, [row])
    session.flush()
    return version


def digest_of(definition: Mapping[str, Any]) -> str:
    """The SHA-256 of a definition's canonical JSON."""
    text = json.dumps(
        {part: definition.get(part) for part in _PARTS}, sort_keys=True, separators=(",", ":")
    )
    return hashlib.sha256(text.encode()).hexdigest()


def database_name(session: Session) -> str:
    """Which database a session is of."""
    return str(session.get_bind().engine.url)
