"""Definitions, read once a process: the versions that executions run by, and who listens."""

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

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


class _Known:
    """What a process has read of one database."""

    def __init__(self) -> None:
        self.plans: _Cache[tuple[str, str, int], Plan] = _Cache(_MAX_PLANS)
        self.listening: _Cache[str, tuple[Any, list[Listening]]] = _Cache(_MAX_ORGANISATIONS)


# By the pool of connections: a process may have several databases, one after the other.
_KNOWN: WeakKeyDictionary[Any, _Known] = WeakKeyDictionary()


def plan_of(session: Session, org: str, workflow_id: str, version: int) -> Plan:
    """A version of a workflow, ready to run.

    Raises:
        DefinitionError: there is no such version, or it cannot run.
    """
    plans, key = _known(session).plans, (org, workflow_id, version)
    plan = plans.get(key)
    if plan is None:
        plan = Plan(load_workflow(session, org, workflow_id, version))
        plans.put(key, plan)
    return plan


def listening(session: Session, org: str) -> list[Listening] | None:
    """The active workflows of an organisation, by id; None when there is no such organisation.

    One statement, as long as none of its workflows has changed.
    """
    stamp = session.execute(_STAMP, {"org": org}).one_or_none()
    if stamp is None:
        return None
    cache = _known(session).listening
    known = cache.get(org)
    if known is not None and known[0] == tuple(stamp):
        return known[1]
    query = select(Workflow).where(Workflow.org_id == org, Workflow.status == "active")
    workflows = session.scalars(query.order_by(Workflow.id)).all()
    found = [_listening(session, workflow) for workflow in workflows]
    # A version that was written now has changed the stamp.
    cache.put(org, (tuple(session.execute(_STAMP, {"org": org}).one()), found))
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


def remember(session: Session, org: str, plan: Plan) -> None:
    """Let a workflow be known that no JSON stands for: what tests of the engine run."""
    workflow = plan.workflow
    _known(session).plans.put((org, workflow.id, workflow.version), plan)


def _known(session: Session) -> _Known:
    pool = session.get_bind().engine.pool
    return _KNOWN.setdefault(pool, _Known())
