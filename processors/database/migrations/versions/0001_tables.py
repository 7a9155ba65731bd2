"""The first tables: organisations, leads, workflows, their executions and steps, messages, events.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op

from processors.database.columns import Json, UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "analytics_events",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.String(length=100), nullable=False),
        sa.Column("event", sa.String(length=100), nullable=False),
        sa.Column("lead_id", sa.String(length=100), nullable=True),
        sa.Column("user_id", sa.String(length=100), nullable=True),
        sa.Column("session_id", sa.String(length=100), nullable=True),
        sa.Column("data", Json, nullable=False),
        sa.Column("occurred_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_analytics_events")),
    )
    op.create_index(
        "ix_analytics_events_occurred_at", "analytics_events", ["occurred_at"], unique=False
    )
    op.create_index(
        "ix_analytics_events_org_id_lead_id_event",
        "analytics_events",
        ["org_id", "lead_id", "event"],
        unique=False,
    )
    op.create_table(
        "health_reports",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("checks", Json, nullable=False),
        sa.Column("problems", Json, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_health_reports")),
    )
    op.create_index("ix_health_reports_created_at", "health_reports", ["created_at"], unique=False)
    op.create_table(
        "messages",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("effect_key", sa.String(length=64), nullable=False),
        sa.Column("org_id", sa.String(length=100), nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("recipient", sa.String(length=320), nullable=False),
        sa.Column("sender", sa.String(length=520), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("call_token", sa.Uuid(), nullable=True),
        sa.Column("calling_at", UtcDateTime(), nullable=True),
        sa.Column("provider", sa.String(length=40), nullable=False),
        sa.Column("provider_id", sa.String(length=200), nullable=True),
        sa.Column("error_code", sa.String(length=40), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("job_id", sa.String(length=200), nullable=False),
        sa.Column("execution_id", sa.Uuid(), nullable=True),
        sa.Column("node_id", sa.String(length=200), nullable=True),
        sa.Column("tracking_id", sa.String(length=200), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("sent_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint(
            "status IN ('reserved', 'calling', 'sent', 'rejected', 'unknown')",
            name=op.f("ck_messages_status"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
        sa.UniqueConstraint("effect_key", name=op.f("uq_messages_effect_key")),
    )
    op.create_index("ix_messages_created_at", "messages", ["created_at"], unique=False)
    op.create_index(
        "ix_messages_org_id_created_at", "messages", ["org_id", "created_at"], unique=False
    )
    op.create_index(
        "ix_messages_status_created_at", "messages", ["status", "created_at"], unique=False
    )
    op.create_table(
        "organisations",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=True),
        sa.Column("phone", sa.String(length=40), nullable=True),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("settings", Json, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organisations")),
    )
    op.create_table(
        "leads",
        sa.Column("org_id", sa.String(length=100), nullable=False),
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("first_name", sa.String(length=200), nullable=True),
        sa.Column("last_name", sa.String(length=200), nullable=True),
        sa.Column("email", sa.String(length=320), nullable=True),
        sa.Column("phone", sa.String(length=40), nullable=True),
        sa.Column("source", sa.String(length=200), nullable=True),
        sa.Column("status", sa.String(length=40), nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("tags", Json, nullable=False),
        sa.Column("custom_fields", Json, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organisations.id"], name=op.f("fk_leads_org_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_leads")),
    )
    op.create_index("ix_leads_org_id_email", "leads", ["org_id", "email"], unique=False)
    op.create_index("ix_leads_org_id_phone", "leads", ["org_id", "phone"], unique=False)
    op.create_table(
        "workflows",
        sa.Column("org_id", sa.String(length=100), nullable=False),
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("trigger_type", sa.String(length=100), nullable=True),
        sa.Column("trigger_config", Json, nullable=False),
        sa.Column("nodes", Json, nullable=False),
        sa.Column("edges", Json, nullable=False),
        sa.Column("variables", Json, nullable=False),
        sa.Column("settings", Json, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint(
            "status IN ('draft', 'active', 'paused', 'archived')", name=op.f("ck_workflows_status")
        ),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organisations.id"], name=op.f("fk_workflows_org_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_workflows")),
    )
    op.create_index("ix_workflows_org_id_status", "workflows", ["org_id", "status"], unique=False)
    op.create_table(
        "workflow_executions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.String(length=100), nullable=False),
        sa.Column("workflow_id", sa.String(length=100), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("trigger_type", sa.String(length=100), nullable=False),
        sa.Column("trigger_data", Json, nullable=False),
        sa.Column("variables", Json, nullable=False),
        sa.Column("definition", Json, nullable=False),
        sa.Column("lead_id", sa.String(length=100), nullable=True),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.String(length=200), nullable=False),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("completed_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint(
            "status IN ('running', 'completed', 'failed', 'cancelled')",
            name=op.f("ck_workflow_executions_status"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "workflow_id"],
            ["workflows.org_id", "workflows.id"],
            name=op.f("fk_workflow_executions_org_id_workflow_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workflow_executions")),
    )
    op.create_index(
        "ix_workflow_executions_org_id_workflow_id",
        "workflow_executions",
        ["org_id", "workflow_id"],
        unique=False,
    )
    op.create_index(
        "ix_workflow_executions_status_completed_at",
        "workflow_executions",
        ["status", "completed_at"],
        unique=False,
    )
    op.create_table(
        "workflow_execution_steps",
        sa.Column("execution_id", sa.Uuid(), nullable=False),
        sa.Column("node_id", sa.String(length=200), nullable=False),
        sa.Column("node_type", sa.String(length=100), nullable=False),
        sa.Column("action_type", sa.String(length=100), nullable=True),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("input_data", Json, nullable=True),
        sa.Column("output_data", Json, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("resume_at", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=True),
        sa.Column("completed_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint(
            "status IN ('pending', 'running', 'waiting', 'completed', 'failed')",
            name=op.f("ck_workflow_execution_steps_status"),
        ),
        sa.ForeignKeyConstraint(
            ["execution_id"],
            ["workflow_executions.id"],
            name=op.f("fk_workflow_execution_steps_execution_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "execution_id", "node_id", name=op.f("pk_workflow_execution_steps")
        ),
    )
    op.create_index(
        "ix_workflow_execution_steps_status_created_at",
        "workflow_execution_steps",
        ["status", "created_at"],
        unique=False,
    )


def downgrade() -> None:
    op.drop_index(
        "ix_workflow_execution_steps_status_created_at", table_name="workflow_execution_steps"
    )
    op.drop_table("workflow_execution_steps")
    op.drop_index("ix_workflow_executions_status_completed_at", table_name="workflow_executions")
    op.drop_index("ix_workflow_executions_org_id_workflow_id", table_name="workflow_executions")
    op.drop_table("workflow_executions")
    op.drop_index("ix_workflows_org_id_status", table_name="workflows")
    op.drop_table("workflows")
    op.drop_index("ix_leads_org_id_phone", table_name="leads")
    op.drop_index("ix_leads_org_id_email", table_name="leads")
    op.drop_table("leads")
    op.drop_table("organisations")
    op.drop_index("ix_messages_status_created_at", table_name="messages")
    op.drop_index("ix_messages_org_id_created_at", table_name="messages")
    op.drop_index("ix_messages_created_at", table_name="messages")
    op.drop_table("messages")
    op.drop_index("ix_health_reports_created_at", table_name="health_reports")
    op.drop_table("health_reports")
    op.drop_index("ix_analytics_events_org_id_lead_id_event", table_name="analytics_events")
    op.drop_index("ix_analytics_events_occurred_at", table_name="analytics_events")
    op.drop_table("analytics_events")
