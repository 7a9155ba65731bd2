"""Definitions, read once a process: the versions that executions run by, and who listens."""

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import Any, Generic, TypeVar

from sqlalchemy import Integer, Select, bindparam, case, cast, func, select
from sqlalchemy.orm import Session

from processors.database.models import Organisation, Workflow
from processors.errors import DefinitionError
from processors.event_names import canonical
from processors.workflow.definition.versions import current_version, load_workflow
from processors.workflow.execution.plan import Plan
from processors.workflow.triggers import events_of

K = TypeVar("K")
V = TypeVar("V")
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
        plan = Plan(load_workflow(session, org, workflow_id, version))
        PLANS.put(key, plan)
    return plan


def listening(session: Session, org: str) -> list[Listening] | None:
    """The active workflows of an organisation, by id; None when there is no such organisation.

    One statement, as long as none of its workflows has changed.
    """
    stamp = session.execute(_STAMP, {"org": org}).one_or_none()
    if stamp is None:
        return None
    key = (database_name(session), org)
    known = _LISTENING.get(key)
    if known is not None and known[0] == tuple(stamp):
        return known[1]
    query = select(Workflow).where(Workflow.org_id == org, Workflow.status == "active")
    workflows = session.scalars(query.order_by(Workflow.id)).all()
    found = [_listening(session, workflow) for workflow in workflows]
    # A version that was written now has changed the stamp.
    _LISTENING.put(key, (tuple(session.execute(_STAMP, {"org": org}).one()), found))
    return found


def _stamp() -> Select[Any]:
    """What differs whenever any workflow of an organisation does."""

    def of_all(value: Any) -> Any:
        query = select(value).where(Workflow.org_id == Organisation.id)
        return query.correlate(Organisation).scalar_subquery()

    is_active = case((Workflow.status == "active", 1), else_=0)
    return select(
        Organisation.id,
        of_all(func.count()),
        of_all(func.max(Workflow.updated_at)),
        of_all(func.sum(Workflow.version)),
        of_all(func.sum(cast(is_active, Integer))),
    ).where(Organisation.id == bindparam("org"))


_STAMP = _stamp()


def _listening(session: Session, workflow: Workflow) -> Listening:
    try:
        version = current_version(session, workflow)
        plan = plan_of(session, workflow.org_id, workflow.id, version)
    except DefinitionError as error:
        stored = frozenset({canonical(workflow.trigger_type)} if workflow.trigger_type else ())
        return Listening(workflow.id, workflow.name, stored, None, str(error))
    return Listening(workflow.id, workflow.name, events_of(plan.workflow), plan)


def database_name(session: Session) -> str:
    """Which database a session is of."""
    return str(session.get_bind().engine.url)
