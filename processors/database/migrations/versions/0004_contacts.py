"""Contacts instead of leads, what happens to them, and who works with them.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

from processors.database.columns import Json, UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "contacts",
        sa.Column("org_id", sa.String(length=100), nullable=False),
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("type", sa.String(length=20), nullable=False),
        sa.Column("first_name", sa.String(length=200), nullable=True),
        sa.Column("last_name", sa.String(length=200), nullable=True),
        sa.Column("email", sa.String(length=320), nullable=True),
        sa.Column("phone", sa.String(length=40), nullable=True),
        sa.Column("source", sa.String(length=200), nullable=True),
        sa.Column("status", sa.String(length=40), nullable=False),
        sa.Column("stage", sa.String(length=100), nullable=True),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("tags", Json, nullable=False),
        sa.Column("assigned_to", sa.String(length=100), nullable=True),
        sa.Column("timezone", sa.String(length=64), nullable=True),
        sa.Column("country", sa.String(length=2), nullable=True),
        sa.Column("locale", sa.String(length=20), nullable=True),
        sa.Column("birthday", sa.Date(), nullable=True),
        sa.Column("joined_on", sa.Date(), nullable=True),
        sa.Column("last_visit_at", UtcDateTime(), nullable=True),
        sa.Column("visits", sa.Integer(), nullable=False),
        sa.Column("custom_fields", Json, server_default="{}", nullable=False),
        sa.Column("field_times", Json, server_default="{}", nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("type IN ('lead', 'member')", name=op.f("ck_contacts_type")),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organisations.id"], name=op.f("fk_contacts_org_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_contacts")),
    )
    op.create_index("ix_contacts_org_id_email", "contacts", ["org_id", "email"], unique=False)
    op.create_index(
        "ix_contacts_org_id_last_visit_at", "contacts", ["org_id", "last_visit_at"], unique=False
    )
    op.create_index("ix_contacts_org_id_phone", "contacts", ["org_id", "phone"], unique=False)
    op.create_table(
        "score_changes",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("org_id", sa.String(length=100), nullable=False),
        sa.Column("contact_id", sa.String(length=100), nullable=False),
        sa.Column("previous_score", sa.Integer(), nullable=False),
        sa.Column("new_score", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id"],
            ["organisations.id"],
            name=op.f("fk_score_changes_org_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_score_changes")),
    )
    op.create_index(
        "ix_score_changes_org_id_contact_id",
        "score_changes",
        ["org_id", "contact_id"],
        unique=False,
    )
    op.create_table(
        "activities",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.String(length=100), nullable=False),
        sa.Column("contact_id", sa.String(length=100), nullable=True),
        sa.Column("type", sa.String(length=100), nullable=False),
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.Column("data", Json, nullable=False),
        sa.Column("occurred_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organisations.id"], name=op.f("fk_activities_org_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_activities")),
    )
    op.create_index("ix_activities_occurred_at", "activities", ["occurred_at"], unique=False)
    op.create_index(
        "ix_activities_org_id_contact_id_type",
        "activities",
        ["org_id", "contact_id", "type", "occurred_at"],
        unique=False,
    )
    op.create_table(
        "following_events",
        sa.Column("org_id", sa.String(length=100), nullable=False),
        sa.Column("job_id", sa.String(length=200), nullable=False),
        sa.Column("events", Json, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "job_id", name=op.f("pk_following_events")),
    )
    op.create_index("ix_following_events_created_at", "following_events", ["created_at"])
    op.create_table(
        "users",
        sa.Column("org_id", sa.String(length=100), nullable=False),
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=True),
        sa.Column("email", sa.String(length=320), nullable=True),
        sa.Column("phone", sa.String(length=40), nullable=True),
        sa.Column("role", sa.String(length=100), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("custom_fields", Json, server_default="{}", nullable=False),
        sa.Column("field_times", Json, server_default="{}", nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organisations.id"], name=op.f("fk_users_org_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_users")),
    )
    op.create_table(
        "holidays",
        sa.Column("org_id", sa.String(length=100), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organisations.id"], name=op.f("fk_holidays_org_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("org_id", "day", name=op.f("pk_holidays")),
    )
    _take_over_leads()
    _rename("analytics_events", "lead_id", "contact_id")
    _rename("workflow_executions", "lead_id", "contact_id")
    op.drop_index("ix_analytics_events_org_id_lead_id_event", table_name="analytics_events")
    op.create_index(
        "ix_analytics_events_org_id_contact_id_event",
        "analytics_events",
        ["org_id", "contact_id", "event"],
    )
    op.add_column(
        "organisations", sa.Column("business_hours", Json, server_default="{}", nullable=False)
    )
    op.add_column(
        "organisations", sa.Column("field_times", Json, server_default="{}", nullable=False)
    )


def downgrade() -> None:
    op.drop_column("organisations", "field_times")
    op.drop_column("organisations", "business_hours")
    op.drop_index("ix_analytics_events_org_id_contact_id_event", table_name="analytics_events")
    _rename("analytics_events", "contact_id", "lead_id")
    _rename("workflow_executions", "contact_id", "lead_id")
    op.create_index(
        "ix_analytics_events_org_id_lead_id_event",
        "analytics_events",
        ["org_id", "lead_id", "event"],
    )
    _give_leads_back()
    op.drop_table("holidays")
    op.drop_table("users")
    op.drop_table("following_events")
    op.drop_table("activities")
    op.drop_table("score_changes")
    op.drop_table("contacts")


# What a lead was before it was a contact.
_OF_LEADS = (
    "org_id, id, first_name, last_name, email, phone, source, status, score, tags, custom_fields, "
    "created_at, updated_at"
)


def _take_over_leads() -> None:
    op.execute(
        f"INSERT INTO contacts ({_OF_LEADS}, type, visits) "  # noqa: S608 - fixed names
        f"SELECT {_OF_LEADS}, 'lead', 0 FROM leads"
    )
    op.execute(
        "INSERT INTO activities (id, org_id, contact_id, type, source, data, occurred_at) "
        "SELECT e.id, e.org_id, e.lead_id, e.event, 'event', e.data, e.occurred_at "
        "FROM analytics_events e JOIN organisations o ON o.id = e.org_id "
        "WHERE e.lead_id IS NOT NULL"
    )
    op.drop_table("leads")


def _give_leads_back() -> None:
    op.create_table(
        "leads",
        sa.Column("org_id", sa.String(length=100), nullable=False),
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("first_name", sa.String(length=200)),
        sa.Column("last_name", sa.String(length=200)),
        sa.Column("email", sa.String(length=320)),
        sa.Column("phone", sa.String(length=40)),
        sa.Column("source", sa.String(length=200)),
        sa.Column("status", sa.String(length=40), nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("tags", Json, nullable=False),
        sa.Column("custom_fields", Json, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organisations.id"], name="fk_leads_org_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name="pk_leads"),
    )
    op.create_index("ix_leads_org_id_email", "leads", ["org_id", "email"])
    op.create_index("ix_leads_org_id_phone", "leads", ["org_id", "phone"])
    op.execute(
        f"INSERT INTO leads ({_OF_LEADS}) SELECT {_OF_LEADS} FROM contacts"  # noqa: S608
    )


def _rename(table: str, before: str, after: str) -> None:
    # Both databases know it; alembic would copy the whole table on SQLite.
    op.execute(f"ALTER TABLE {table} RENAME COLUMN {before} TO {after}")
