"""Workflows with their versions, and their executions."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from processors.database.columns import Json
from processors.database.models.base import Base, one_of, utc_now

WORKFLOW_STATUSES = ("draft", "active", "paused", "archived")
EXECUTION_STATUSES = ("running", "completed", "failed", "cancelled")
STEP_STATUSES = ("pending", "running", "waiting", "completed", "failed")


class Workflow(Base):
    """An automation as the CRM's builder stores it: React-Flow nodes and edges."""

    __tablename__ = "workflows"
    __table_args__ = (
        CheckConstraint(one_of("status", WORKFLOW_STATUSES), name="status"),
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
    version: Mapped[int] = mapped_column(default=1, server_default="1")
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)


class WorkflowVersion(Base):
    """A definition as it was saved, never changed: executions run by their version.

    `definition` holds what the builder exports: name, trigger_type, trigger_config, nodes, edges,
    variables, settings. `digest` is the SHA-256 of its canonical JSON, so that saving the same
    again makes no version. Versions outlast a deleted workflow: a number is never given twice.
    """

    __tablename__ = "workflow_versions"

    org_id: Mapped[str] = mapped_column(
        ForeignKey("organisations.id", ondelete="CASCADE"), primary_key=True
    )
    workflow_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    definition: Mapped[dict[str, Any]] = mapped_column(default=dict)
    digest: Mapped[str] = mapped_column(String(64))
    author: Mapped[str | None] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class WorkflowExecution(Base):
    """One run of a workflow.

    It keeps the definition it began with: an edit while it waits for days must not change what
    it does.
    """

    __tablename__ = "workflow_executions"
    __table_args__ = (
        CheckConstraint(one_of("status", EXECUTION_STATUSES), name="status"),
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
    contact_id: Mapped[str | None] = mapped_column(String(100))
    priority: Mapped[int] = mapped_column(default=3)
    job_id: Mapped[str] = mapped_column(String(200))
    error_message: Mapped[str | None] = mapped_column(Text)
    started_at: Mapped[datetime] = mapped_column(default=utc_now)
    completed_at: Mapped[datetime | None]


class WorkflowStep(Base):
    """One node of one execution; the primary key is why it runs at most once."""

    __tablename__ = "workflow_execution_steps"
    __table_args__ = (
        CheckConstraint(one_of("status", STEP_STATUSES), name="status"),
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
