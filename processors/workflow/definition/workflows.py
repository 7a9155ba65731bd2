"""`Workflows`: what a program does with the workflows of an organisation."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from processors.database.engine import Database
from processors.database.migrate import migrate
from processors.database.models import Organisation, WorkflowExecution, utc_now
from processors.database.models import Workflow as WorkflowRow
from processors.database.opening import database_of
from processors.errors import DefinitionError
from processors.settings import CrmSettings
from processors.workflow.definition import lifecycle
from processors.workflow.definition.problems import Problem
from processors.workflow.definition.reading import Reading, read_workflow, valid_workflow
from processors.workflow.definition.saving import exported, roll_back, save_workflow
from processors.workflow.definition.schedules import (
    Planned,
    mentions_schedule,
    plan,
    put_right,
)
from processors.workflow.definition.versions import content_of_row, version_of, versions_of
from processors.workflow.execution.control import cancel_workflow, release_workflow
from processors.workflow.nodes import Workflow
from processors.workflow.triggers import events_of
from runtime.application import load_all_settings
from runtime.client import AtlasClient, NewJob
from runtime.config.settings import Settings


@dataclass(frozen=True, slots=True)
class WorkflowInfo:
    """A stored workflow.

    Attributes:
        events: that start it; none if this release cannot read it.
        executions: how many there are.
        running: how many of them have not ended.
        problem: why it cannot run, if so.
    """

    id: str
    org: str
    name: str
    status: str
    version: int
    events: tuple[str, ...]
    executions: int
    running: int
    updated_at: datetime
    problem: str = ""


@dataclass(frozen=True, slots=True)
class VersionInfo:
    """A version of a definition; `is_used` is the one that new executions run by."""

    version: int
    name: str
    nodes: int
    author: str | None
    created_at: datetime
    is_used: bool


@dataclass(frozen=True, slots=True)
class Change:
    """What a call has changed.

    Attributes:
        id: of the workflow.
        status: it has now.
        version: in use now.
        is_new_version: the definition differs from the one that was in use.
        warnings: what the definition leaves unsaid, and how that is read.
        done: what else was done: schedules, executions that were cancelled.
    """

    id: str
    status: str
    version: int
    is_new_version: bool = False
    warnings: tuple[Problem, ...] = ()
    done: tuple[str, ...] = ()


class Workflows:
    """The workflows of all organisations of a deployment.

    Every method that names a workflow raises `DefinitionError` when there is none of that id, and
    `DatabaseUnavailableError` when the database does not answer; those that change one raise
    `BrokerUnavailableError` when it has schedules and Redis is away: then the database has the
    change already, and repeating the call completes it.

    Example:
        >>> from processors import Workflows
        >>> with Workflows.from_environment() as workflows:
        ...     change = workflows.save("org_iron", definition, status="active")
        >>> change.version
        1
    """

    def __init__(self, database: Database, settings: Settings, *, actor: str = "") -> None:
        self._database = database
        self._settings = settings
        self._actor = actor

    @classmethod
    @contextmanager
    def from_settings(cls, settings: Settings, *, actor: str = "") -> Iterator[Self]:
        """Over the database of the settings, which is migrated; closed after the block.

        Args:
            settings: of the deployment.
            actor: who changes something, for the versions and the runtime's list of changes.
        """
        database = database_of(settings.of(CrmSettings))
        try:
            migrate(database)
            yield cls(database, settings, actor=actor)
        finally:
            database.close()

    @classmethod
    @contextmanager
    def from_environment(cls, *, actor: str = "") -> Iterator[Self]:
        """The same with the settings of the environment and ``.env``."""
        with cls.from_settings(load_all_settings(), actor=actor) as workflows:
            yield workflows

    @staticmethod
    def check(definition: Mapping[str, Any]) -> Reading:
        """All problems and warnings of a definition, without a database."""
        return read_workflow(definition)

    def list(self, org: str | None = None) -> Sequence[WorkflowInfo]:
        """The workflows of an organisation, or of all, by id."""
        counts = (
            select(
                WorkflowExecution.org_id,
                WorkflowExecution.workflow_id,
                func.count().label("executions"),
                func.count().filter(WorkflowExecution.completed_at.is_(None)).label("running"),
            )
            .group_by(WorkflowExecution.org_id, WorkflowExecution.workflow_id)
            .subquery()
        )
        query = select(WorkflowRow, counts.c.executions, counts.c.running).outerjoin(
            counts,
            (counts.c.org_id == WorkflowRow.org_id) & (counts.c.workflow_id == WorkflowRow.id),
        )
        if org is not None:
            query = query.where(WorkflowRow.org_id == org)
        with self._database.read() as session:
            rows = session.execute(query.order_by(WorkflowRow.org_id, WorkflowRow.id)).all()
        return [_info(row, executions or 0, running or 0) for row, executions, running in rows]

    def read(self, org: str, workflow_id: str, *, version: int | None = None) -> Workflow:
        """A workflow as it runs, of the version in use or another one."""
        with self._database.read() as session:
            row = lifecycle.workflow_of(session, org, workflow_id)
            content = self._content(session, row, version)
            return valid_workflow({**content, "id": row.id}, version=version or row.version)

    def export(self, org: str, workflow_id: str, *, version: int | None = None) -> dict[str, Any]:
        """A definition as the builder imports it."""
        with self._database.read() as session:
            row = lifecycle.workflow_of(session, org, workflow_id)
            return exported(row, content=self._content(session, row, version))

    def versions(self, org: str, workflow_id: str) -> Sequence[VersionInfo]:
        """All versions of a definition, the newest first."""
        with self._database.read() as session:
            row = lifecycle.workflow_of(session, org, workflow_id)
            return [
                VersionInfo(
                    found.version,
                    str(found.definition.get("name", "")),
                    len(found.definition.get("nodes") or []),
                    found.author,
                    found.created_at,
                    found.version == row.version,
                )
                for found in versions_of(session, org, workflow_id)
            ]

    def save(
        self,
        org: str,
        definition: Mapping[str, Any],
        *,
        status: str | None = None,
        is_tried: bool = False,
    ) -> Change:
        """Store a definition: see `processors.workflow.definition.saving.save_workflow`.

        Args:
            org: whose it is.
            definition: as the builder exports it.
            status: instead of its own.
            is_tried: nothing is stored; the result says what would be.
        """
        with self._database.write() as session:
            saved = save_workflow(
                session, org, definition, status=status, author=self._actor or None
            )
            planned = self._planned(session, saved.row)
            if is_tried:
                row = saved.row
                change = Change(
                    row.id, row.status, row.version, saved.is_new_version, saved.warnings
                )
                session.rollback()
                return change
        return self._changed(
            saved.row, planned, warnings=saved.warnings, is_new_version=saved.is_new_version
        )

    def roll_back(self, org: str, workflow_id: str, version: int) -> Change:
        """Put an older version to use, as a new version."""
        with self._database.write() as session:
            lifecycle.workflow_of(session, org, workflow_id)
            saved = roll_back(session, org, workflow_id, version, author=self._actor or None)
            planned = self._planned(session, saved.row)
        return self._changed(
            saved.row, planned, warnings=saved.warnings, is_new_version=saved.is_new_version
        )

    def enable(self, org: str, workflow_id: str) -> Change:
        """Let its events, dates and schedules start it, and held executions go on."""
        now = utc_now()
        with self._database.write() as session:
            row = lifecycle.enable(session, org, workflow_id)
            planned = self._planned(session, row)
            held = list(release_workflow(session, org, workflow_id, now=now))
        self._enqueue(held)
        return self._changed(row, planned)

    def disable(self, org: str, workflow_id: str) -> Change:
        """Pause it: nothing starts it; its executions are held, those that wait included."""
        with self._database.write() as session:
            row = lifecycle.disable(session, org, workflow_id)
            planned = self._planned(session, row)
        return self._changed(row, planned)

    def archive(self, org: str, workflow_id: str) -> Change:
        """Put it away for good: executions that have not ended are cancelled.

        They are cancelled some hundred at a time; after a loss of the database in between,
        archiving it again goes on.
        """
        with self._database.write() as session:
            row = lifecycle.set_archived(session, org, workflow_id)
            planned = self._planned(session, row)
        cancelled, count = 0, 1
        while count:
            with self._database.write() as session:
                count, jobs = cancel_workflow(
                    session, org, workflow_id, now=utc_now(), reason="its workflow was archived"
                )
            self._enqueue(jobs)
            cancelled += count
        told = (f"{cancelled} executions are cancelled",) if cancelled else ()
        return self._changed(row, planned, done=told)

    def delete(self, org: str, workflow_id: str) -> None:
        """Delete a workflow that has never run; its versions stay."""
        with self._database.write() as session:
            row = lifecycle.workflow_of(session, org, workflow_id, lock=True)
            planned = None if self._planned(session, row) is None else Planned((), ())
            lifecycle.delete_workflow(session, org, workflow_id)
        self._put_right(org, workflow_id, planned)

    def _content(self, session: Session, row: WorkflowRow, version: int | None) -> dict[str, Any]:
        if version is None:
            return content_of_row(row)
        return version_of(session, row.org_id, row.id, version).definition

    def _planned(self, session: Session, row: WorkflowRow) -> Planned | None:
        """What its schedules need of the runtime; None: it never had any."""
        contents = [version.definition for version in versions_of(session, row.org_id, row.id)]
        if not any(mentions_schedule(content) for content in [*contents, content_of_row(row)]):
            return None
        if row.status != "active":
            return Planned((), ())
        organisation = session.get_one(Organisation, row.org_id)
        workflow = valid_workflow({**content_of_row(row), "id": row.id}, version=row.version)
        return plan(row.org_id, workflow, timezone=organisation.timezone, now=utc_now())

    def _enqueue(self, jobs: Sequence[NewJob]) -> None:
        """Enqueue what follows from a change; nothing follows for most."""
        if jobs:
            with AtlasClient.from_settings(self._settings) as client:
                client.enqueue_many(jobs)

    def _changed(self, row: WorkflowRow, planned: Planned | None, **more: Any) -> Change:
        done = (*more.pop("done", ()), *self._put_right(row.org_id, row.id, planned))
        return Change(row.id, row.status, row.version, done=done, **more)

    def _put_right(self, org: str, workflow_id: str, planned: Planned | None) -> Sequence[str]:
        if planned is None:
            return ()
        return put_right(
            self._settings, org, workflow_id, planned, actor=self._actor or "workflows"
        )


def _info(row: WorkflowRow, executions: int, running: int) -> WorkflowInfo:
    events: tuple[str, ...] = ()
    problem = ""
    try:
        workflow = valid_workflow({**content_of_row(row), "id": row.id}, version=row.version)
        events = tuple(sorted(events_of(workflow)))
    except DefinitionError as error:
        problem = str(error).partition("\n")[0]
    return WorkflowInfo(
        id=row.id,
        org=row.org_id,
        name=row.name,
        status=row.status,
        version=row.version,
        events=events,
        executions=executions,
        running=running,
        updated_at=row.updated_at,
        problem=problem,
    )
