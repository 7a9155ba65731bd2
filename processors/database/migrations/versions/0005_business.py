"""What contacts book, are members of and pay; tasks, notes, opportunities; workflow versions.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

from processors.database.columns import Json, UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "class_sessions",
        sa.Column("org_id", sa.String(length=100), nullable=False),
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=True),
        sa.Column("starts_at", UtcDateTime(), nullable=True),
        sa.Column("ends_at", UtcDateTime(), nullable=True),
        sa.Column("location", sa.String(length=200), nullable=True),
        sa.Column("instructor", sa.String(length=200), nullable=True),
        sa.Column("capacity", sa.Integer(), nullable=True),
        sa.Column("custom_fields", Json, server_default="{}", nullable=False),
        sa.Column("field_times", Json, server_default="{}", nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id"],
            ["organisations.id"],
            name=op.f("fk_class_sessions_org_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_class_sessions")),
    )
    op.create_index(
        "ix_class_sessions_org_id_starts_at",
        "class_sessions",
        ["org_id", "starts_at"],
        unique=False,
    )
    op.create_table(
        "bookings",
        sa.Column("org_id", sa.String(length=100), nullable=False),
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("contact_id", sa.String(length=100), nullable=True),
        sa.Column("session_id", sa.String(length=100), nullable=True),
        sa.Column("name", sa.String(length=200), nullable=True),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("starts_at", UtcDateTime(), nullable=True),
        sa.Column("custom_fields", Json, server_default="{}", nullable=False),
        sa.Column("field_times", Json, server_default="{}", nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint(
            "status IN ('booked', 'waitlisted', 'cancelled', 'attended', 'no_show')",
            name=op.f("ck_bookings_status"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organisations.id"], name=op.f("fk_bookings_org_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_bookings")),
    )
    op.create_index(
        "ix_bookings_org_id_contact_id", "bookings", ["org_id", "contact_id"], unique=False
    )
    op.create_index(
        "ix_bookings_org_id_starts_at", "bookings", ["org_id", "starts_at"], unique=False
    )
    op.create_table(
        "memberships",
        sa.Column("org_id", sa.String(length=100), nullable=False),
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("contact_id", sa.String(length=100), nullable=True),
        sa.Column("plan", sa.String(length=200), nullable=True),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=True),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("custom_fields", Json, server_default="{}", nullable=False),
        sa.Column("field_times", Json, server_default="{}", nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint(
            "status IN ('trial', 'active', 'paused', 'cancelled', 'expired')",
            name=op.f("ck_memberships_status"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organisations.id"], name=op.f("fk_memberships_org_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_memberships")),
    )
    op.create_index(
        "ix_memberships_org_id_contact_id", "memberships", ["org_id", "contact_id"], unique=False
    )
    op.create_index(
        "ix_memberships_org_id_ends_on", "memberships", ["org_id", "ends_on"], unique=False
    )
    op.create_table(
        "payments",
        sa.Column("org_id", sa.String(length=100), nullable=False),
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("contact_id", sa.String(length=100), nullable=True),
        sa.Column("membership_id", sa.String(length=100), nullable=True),
        sa.Column("amount_minor", sa.Integer(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=True),
        sa.Column("paid_at", UtcDateTime(), nullable=True),
        sa.Column("failure_reason", sa.Text(), nullable=True),
        sa.Column("custom_fields", Json, server_default="{}", nullable=False),
        sa.Column("field_times", Json, server_default="{}", nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint(
            "status IN ('pending', 'paid', 'failed', 'refunded', 'cancelled')",
            name=op.f("ck_payments_status"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organisations.id"], name=op.f("fk_payments_org_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_payments")),
    )
    op.create_index(
        "ix_payments_org_id_contact_id", "payments", ["org_id", "contact_id"], unique=False
    )
    op.create_table(
        "tasks",
        sa.Column("org_id", sa.String(length=100), nullable=False),
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("contact_id", sa.String(length=100), nullable=True),
        sa.Column("title", sa.String(length=500), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("priority", sa.String(length=20), nullable=True),
        sa.Column("assigned_to", sa.String(length=100), nullable=True),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=True),
        sa.Column("custom_fields", Json, server_default="{}", nullable=False),
        sa.Column("field_times", Json, server_default="{}", nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("status IN ('open', 'done', 'cancelled')", name=op.f("ck_tasks_status")),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organisations.id"], name=op.f("fk_tasks_org_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_tasks")),
    )
    op.create_index("ix_tasks_org_id_contact_id", "tasks", ["org_id", "contact_id"], unique=False)
    op.create_table(
        "notes",
        sa.Column("org_id", sa.String(length=100), nullable=False),
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("contact_id", sa.String(length=100), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("author", sa.String(length=200), nullable=True),
        sa.Column("custom_fields", Json, server_default="{}", nullable=False),
        sa.Column("field_times", Json, server_default="{}", nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organisations.id"], name=op.f("fk_notes_org_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_notes")),
    )
    op.create_index("ix_notes_org_id_contact_id", "notes", ["org_id", "contact_id"], unique=False)
    op.create_table(
        "opportunities",
        sa.Column("org_id", sa.String(length=100), nullable=False),
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("contact_id", sa.String(length=100), nullable=True),
        sa.Column("name", sa.String(length=200), nullable=True),
        sa.Column("pipeline", sa.String(length=100), nullable=True),
        sa.Column("stage", sa.String(length=100), nullable=True),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("value_minor", sa.Integer(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("assigned_to", sa.String(length=100), nullable=True),
        sa.Column("custom_fields", Json, server_default="{}", nullable=False),
        sa.Column("field_times", Json, server_default="{}", nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint(
            "status IN ('open', 'won', 'lost')", name=op.f("ck_opportunities_status")
        ),
        sa.ForeignKeyConstraint(
            ["org_id"],
            ["organisations.id"],
            name=op.f("fk_opportunities_org_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_opportunities")),
    )
    op.create_index(
        "ix_opportunities_org_id_contact_id",
        "opportunities",
        ["org_id", "contact_id"],
        unique=False,
    )
    op.create_table(
        "workflow_versions",
        sa.Column("org_id", sa.String(length=100), nullable=False),
        sa.Column("workflow_id", sa.String(length=100), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("definition", Json, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("author", sa.String(length=200), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id"],
            ["organisations.id"],
            name=op.f("fk_workflow_versions_org_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "org_id", "workflow_id", "version", name=op.f("pk_workflow_versions")
        ),
    )
    op.add_column(
        "workflows", sa.Column("version", sa.Integer(), server_default="1", nullable=False)
    )


def downgrade() -> None:
    op.drop_column("workflows", "version")
    op.drop_table("workflow_versions")
    op.drop_table("opportunities")
    op.drop_table("notes")
    op.drop_table("tasks")
    op.drop_table("payments")
    op.drop_table("memberships")
    op.drop_table("bookings")
    op.drop_table("class_sessions")
