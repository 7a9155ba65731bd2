"""The tables, one class each. Field names follow the CRM's own schema where it has one."""

import uuid
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    MetaData,
    String,
    Text,
    Uuid,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from processors.database.columns import Json, NullableJson, UtcDateTime

# Named constraints, so that a migration on SQLite and one on PostgreSQL can both drop them.
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

EXECUTION_STATUSES = ("running", "completed", "failed", "cancelled")
STEP_STATUSES = ("pending", "running", "waiting", "completed", "failed")
MESSAGE_STATUSES = ("reserved", "calling", "sent", "rejected", "unknown")
WORKFLOW_STATUSES = ("draft", "active", "paused", "archived")


def utc_now() -> datetime:
    """The host's time, for rows; whatever decides when a job runs uses Redis' clock."""
    return datetime.now(UTC)


def _one_of(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


class Base(DeclarativeBase):
    """Root of all models."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012 - read by SQLAlchemy while the class is made
        datetime: UtcDateTime(),
        dict[str, Any]: Json,
        list[Any]: Json,
        uuid.UUID: Uuid(),
    }


class Organisation(Base):
    """A gym; everything else belongs to one.

    `country` (ISO 3166-1) decides how phone numbers without a country code are read; NULL means
    the setting ``DEFAULT_COUNTRY``. `settings` may hold ``locale``, the language it writes in.
    """

    __tablename__ = "organisations"

    id: Mapped[str] = mapped_column(String(100), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    email: Mapped[str | None] = mapped_column(String(320))
    phone: Mapped[str | None] = mapped_column(String(40))
    timezone: Mapped[str] = mapped_column(String(64), default="Europe/London")
    country: Mapped[str | None] = mapped_column(String(2))
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class Lead(Base):
    """Someone who may become a member. Ids are unique within an organisation only."""

    __tablename__ = "leads"
    __table_args__ = (
        Index("ix_leads_org_id_email", "org_id", "email"),
        Index("ix_leads_org_id_phone", "org_id", "phone"),
    )

    org_id: Mapped[str] = mapped_column(
        ForeignKey("organisations.id", ondelete="CASCADE"), primary_key=True
    )
    id: Mapped[str] = mapped_column(String(100), primary_key=True)
    first_name: Mapped[str | None] = mapped_column(String(200))
    last_name: Mapped[str | None] = mapped_column(String(200))
    email: Mapped[str | None] = mapped_column(String(320))
    phone: Mapped[str | None] = mapped_column(String(40))
    source: Mapped[str | None] = mapped_column(String(200))
    status: Mapped[str] = mapped_column(String(40), default="new")
    score: Mapped[int] = mapped_column(default=0)
    tags: Mapped[list[Any]] = mapped_column(default=list)
    custom_fields: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)


class Workflow(Base):
    """An automation as the CRM's builder stores it: React-Flow nodes and edges."""

    __tablename__ = "workflows"
    __table_args__ = (
        CheckConstraint(_one_of("status", WORKFLOW_STATUSES), name="status"),
        Index("ix_workflows_org_id_status", "org_id", "status"),
    )

    org_id: Mapped[str] = mapped_column(
        ForeignKey("organisations.id", ondelete="CASCADE"), primary_key=True
    )
    id: Mapped[str] = mapped_column(String(100), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    status: Mapped[str] = mapped_column(String(20), default="draft")
    trigger_type: Mapped[str | None] = mapped_column(String(100))
    trigger_config: Mapped[dict[str, Any]] = mapped_column(default=dict)
    nodes: Mapped[list[Any]] = mapped_column(default=list)
    edges: Mapped[list[Any]] = mapped_column(default=list)
    variables: Mapped[list[Any]] = mapped_column(default=list)
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)


class WorkflowExecution(Base):
    """One run of a workflow.

    It keeps the definition it began with: an edit while it waits for days must not change what
    it does.
    """

    __tablename__ = "workflow_executions"
    __table_args__ = (
        CheckConstraint(_one_of("status", EXECUTION_STATUSES), name="status"),
        ForeignKeyConstraint(
            ["org_id", "workflow_id"], ["workflows.org_id", "workflows.id"], ondelete="CASCADE"
        ),
        Index("ix_workflow_executions_org_id_workflow_id", "org_id", "workflow_id"),
        Index("ix_workflow_executions_status_completed_at", "status", "completed_at"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    org_id: Mapped[str] = mapped_column(String(100))
    workflow_id: Mapped[str] = mapped_column(String(100))
    status: Mapped[str] = mapped_column(String(20), default="running")
    trigger_type: Mapped[str] = mapped_column(String(100))
    trigger_data: Mapped[dict[str, Any]] = mapped_column(default=dict)
    variables: Mapped[dict[str, Any]] = mapped_column(default=dict)
    definition: Mapped[dict[str, Any]] = mapped_column(default=dict)
    lead_id: Mapped[str | None] = mapped_column(String(100))
    priority: Mapped[int] = mapped_column(default=3)
    job_id: Mapped[str] = mapped_column(String(200))
    error_message: Mapped[str | None] = mapped_column(Text)
    started_at: Mapped[datetime] = mapped_column(default=utc_now)
    completed_at: Mapped[datetime | None]


class WorkflowStep(Base):
    """One node of one execution; the primary key is why it runs at most once."""

    __tablename__ = "workflow_execution_steps"
    __table_args__ = (
        CheckConstraint(_one_of("status", STEP_STATUSES), name="status"),
        Index("ix_workflow_execution_steps_status_created_at", "status", "created_at"),
    )

    execution_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("workflow_executions.id", ondelete="CASCADE"), primary_key=True
    )
    node_id: Mapped[str] = mapped_column(String(200), primary_key=True)
    node_type: Mapped[str] = mapped_column(String(100))
    action_type: Mapped[str | None] = mapped_column(String(100))
    status: Mapped[str] = mapped_column(String(20), default="pending")
    input_data: Mapped[dict[str, Any] | None] = mapped_column(Json)
    output_data: Mapped[dict[str, Any] | None] = mapped_column(Json)
    error: Mapped[str | None] = mapped_column(Text)
    resume_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    started_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]


class Message(Base):
    """One message to one recipient: the outbox, and the ledger that makes each be sent once."""

    __tablename__ = "messages"
    __table_args__ = (
        CheckConstraint(_one_of("status", MESSAGE_STATUSES), name="status"),
        Index("ix_messages_org_id_created_at", "org_id", "created_at"),
        Index("ix_messages_status_created_at", "status", "created_at"),
        Index("ix_messages_created_at", "created_at"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    effect_key: Mapped[str] = mapped_column(String(64), unique=True)
    org_id: Mapped[str] = mapped_column(String(100))
    channel: Mapped[str] = mapped_column(String(20))
    recipient: Mapped[str] = mapped_column(String(320))
    sender: Mapped[str | None] = mapped_column(String(520))
    subject: Mapped[str | None] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(20))
    attempts: Mapped[int] = mapped_column(default=0)
    call_token: Mapped[uuid.UUID | None]
    calling_at: Mapped[datetime | None]
    provider: Mapped[str] = mapped_column(String(40))
    provider_id: Mapped[str | None] = mapped_column(String(200))
    error_code: Mapped[str | None] = mapped_column(String(40))
    error: Mapped[str | None] = mapped_column(Text)
    job_id: Mapped[str] = mapped_column(String(200))
    execution_id: Mapped[uuid.UUID | None]
    node_id: Mapped[str | None] = mapped_column(String(200))
    tracking_id: Mapped[str | None] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    sent_at: Mapped[datetime | None]


class AnalyticsEvent(Base):
    """Something that happened; `id` is derived from the job, so a repeat writes nothing."""

    __tablename__ = "analytics_events"
    __table_args__ = (
        Index("ix_analytics_events_org_id_lead_id_event", "org_id", "lead_id", "event"),
        Index("ix_analytics_events_occurred_at", "occurred_at"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    org_id: Mapped[str] = mapped_column(String(100))
    event: Mapped[str] = mapped_column(String(100))
    lead_id: Mapped[str | None] = mapped_column(String(100))
    user_id: Mapped[str | None] = mapped_column(String(100))
    session_id: Mapped[str | None] = mapped_column(String(100))
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)
    occurred_at: Mapped[datetime] = mapped_column(default=utc_now)


class HealthReport(Base):
    """What a health check found."""

    __tablename__ = "health_reports"
    __table_args__ = (Index("ix_health_reports_created_at", "created_at"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    status: Mapped[str] = mapped_column(String(20))
    checks: Mapped[dict[str, Any]] = mapped_column(default=dict)
    problems: Mapped[list[Any]] = mapped_column(default=list)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class StoredDeadLetter(Base):
    """A job that failed for good; `id` is that of the job that brought the record.

    `payload` is None if it was not readable. `requeued_at` is set once the job was requeued: the
    letter is no longer open.
    """

    __tablename__ = "dead_letters"
    __table_args__ = (
        Index("ix_dead_letters_died_at", "died_at"),
        Index("ix_dead_letters_fingerprint_died_at", "fingerprint", "died_at"),
        Index("ix_dead_letters_job_id", "job_id"),
    )

    id: Mapped[str] = mapped_column(String(300), primary_key=True)
    job_id: Mapped[str] = mapped_column(String(500))
    queue: Mapped[str] = mapped_column(String(100))
    kind: Mapped[str] = mapped_column(String(100))
    org_id: Mapped[str] = mapped_column(String(100))
    payload: Mapped[dict[str, Any] | None] = mapped_column(NullableJson)
    attempts: Mapped[int] = mapped_column(default=0)
    error_class: Mapped[str] = mapped_column(String(200))
    error: Mapped[str] = mapped_column(Text)
    fingerprint: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(String(20))
    died_at: Mapped[datetime] = mapped_column(default=utc_now)
    requeued_at: Mapped[datetime | None]
