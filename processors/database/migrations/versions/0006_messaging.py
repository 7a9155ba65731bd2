"""Consent, suppression, templates, segments, campaigns; what providers report of messages.

Revision ID: 0006
Revises: 0005
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from processors.database.columns import Json, NullableJson, UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "consents",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.String(length=100), nullable=False),
        sa.Column("contact_id", sa.String(length=100), nullable=True),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("address", sa.String(length=320), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("wording", sa.Text(), nullable=True),
        sa.Column("occurred_at", UtcDateTime(), nullable=False),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint(
            "channel IN ('email', 'sms', 'whatsapp')", name=op.f("ck_consents_channel")
        ),
        sa.CheckConstraint("status IN ('granted', 'withdrawn')", name=op.f("ck_consents_status")),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organisations.id"], name=op.f("fk_consents_org_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consents")),
    )
    op.create_index(
        "ix_consents_org_id_channel_address",
        "consents",
        ["org_id", "channel", "address"],
        unique=False,
    )
    op.create_index(
        "ix_consents_org_id_contact_id", "consents", ["org_id", "contact_id"], unique=False
    )
    op.create_table(
        "suppressions",
        sa.Column("org_id", sa.String(length=100), nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("address", sa.String(length=320), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("occurred_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint(
            "channel IN ('email', 'sms', 'whatsapp')", name=op.f("ck_suppressions_channel")
        ),
        sa.CheckConstraint(
            "reason IN ('stop', 'unsubscribe', 'hard_bounce', 'complaint', 'invalid', 'operator')",
            name=op.f("ck_suppressions_reason"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id"],
            ["organisations.id"],
            name=op.f("fk_suppressions_org_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("org_id", "channel", "address", name=op.f("pk_suppressions")),
    )
    op.create_table(
        "templates",
        sa.Column("org_id", sa.String(length=100), nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("purpose", sa.String(length=20), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint(
            "channel IN ('email', 'sms', 'whatsapp')", name=op.f("ck_templates_channel")
        ),
        sa.CheckConstraint(
            "purpose IN ('marketing', 'transactional')", name=op.f("ck_templates_purpose")
        ),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organisations.id"], name=op.f("fk_templates_org_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("org_id", "channel", "name", name=op.f("pk_templates")),
    )
    op.create_table(
        "template_versions",
        sa.Column("org_id", sa.String(length=100), nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("is_html", sa.Boolean(), nullable=False),
        sa.Column("variables", Json, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id", "channel", "name"],
            ["templates.org_id", "templates.channel", "templates.name"],
            name=op.f("fk_template_versions_org_id_channel_name"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "org_id", "channel", "name", "version", name=op.f("pk_template_versions")
        ),
    )
    op.create_table(
        "segments",
        sa.Column("org_id", sa.String(length=100), nullable=False),
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("conditions", Json, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organisations.id"], name=op.f("fk_segments_org_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_segments")),
    )
    op.create_table(
        "campaigns",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("template", sa.String(length=200), nullable=True),
        sa.Column("template_version", sa.Integer(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("batch_size", sa.Integer(), nullable=False),
        sa.Column("delay_between_batches_ms", sa.Integer(), nullable=False),
        sa.Column("is_html", sa.Boolean(), nullable=False),
        sa.Column("segment_id", sa.String(length=100), nullable=True),
        sa.Column("cursor", sa.String(length=200), nullable=True),
        sa.Column("next_part", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("duplicates", sa.Integer(), nullable=False),
        sa.Column("next_batch", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("scheduled_for", UtcDateTime(), nullable=True),
        sa.Column("not_after", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=True),
        sa.Column("completed_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint(
            "channel IN ('email', 'sms', 'whatsapp')", name=op.f("ck_campaigns_channel")
        ),
        sa.CheckConstraint(
            "purpose IN ('marketing', 'transactional')", name=op.f("ck_campaigns_purpose")
        ),
        sa.CheckConstraint(
            "status IN ('loading', 'scheduled', 'running', 'paused', 'completed', 'cancelled')",
            name=op.f("ck_campaigns_status"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organisations.id"], name=op.f("fk_campaigns_org_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaigns")),
    )
    op.create_index(
        "ix_campaigns_org_id_created_at", "campaigns", ["org_id", "created_at"], unique=False
    )
    op.create_table(
        "campaign_recipients",
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("contact_id", sa.String(length=100), nullable=True),
        sa.Column("address", sa.String(length=320), nullable=False),
        sa.Column("variables", Json, nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("batch", sa.Integer(), nullable=True),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint(
            "status IN ('pending', 'queued', 'sent', 'deferred', 'suppressed', 'refused', "
            "'failed', 'unknown', 'cancelled')",
            name=op.f("ck_campaign_recipients_status"),
        ),
        sa.ForeignKeyConstraint(
            ["campaign_id"],
            ["campaigns.id"],
            name=op.f("fk_campaign_recipients_campaign_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("campaign_id", "number", name=op.f("pk_campaign_recipients")),
    )
    op.create_index(
        "ix_campaign_recipients_campaign_id_status",
        "campaign_recipients",
        ["campaign_id", "status", "number"],
        unique=False,
    )
    op.create_index(
        "uq_campaign_recipients_campaign_id_address",
        "campaign_recipients",
        ["campaign_id", "address"],
        unique=True,
    )
    op.create_table(
        "provider_events",
        sa.Column("provider", sa.String(length=40), nullable=False),
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("org_id", sa.String(length=100), nullable=True),
        sa.Column("message_id", sa.Uuid(), nullable=True),
        sa.Column("type", sa.String(length=60), nullable=False),
        sa.Column("data", Json, nullable=False),
        sa.Column("occurred_at", UtcDateTime(), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("provider", "id", name=op.f("pk_provider_events")),
    )
    op.create_index(
        "ix_provider_events_received_at", "provider_events", ["received_at"], unique=False
    )
    for column in _new_columns():
        op.add_column("messages", column)
    op.create_index("ix_messages_campaign_id", "messages", ["campaign_id"])
    op.create_index("ix_messages_execution_id", "messages", ["execution_id"])
    op.create_index(
        "ix_messages_org_id_recipient", "messages", ["org_id", "channel", "recipient", "sent_at"]
    )
    op.create_index("ix_messages_provider_id", "messages", ["provider_id"])
    _allow(("reserved", "calling", "sent", "rejected", "unknown", "suppressed"))


def downgrade() -> None:
    _allow(("reserved", "calling", "sent", "rejected", "unknown"))
    for name in ("ix_messages_campaign_id", "ix_messages_execution_id",
                 "ix_messages_org_id_recipient", "ix_messages_provider_id"):  # fmt: skip
        op.drop_index(name, table_name="messages")
    for column in _new_columns():
        op.drop_column("messages", column.name)
    op.drop_table("provider_events")
    op.drop_table("campaign_recipients")
    op.drop_table("campaigns")
    op.drop_table("segments")
    op.drop_table("template_versions")
    op.drop_table("templates")
    op.drop_table("suppressions")
    op.drop_table("consents")


def _new_columns() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("contact_id", sa.String(length=100), nullable=True),
        sa.Column("campaign_id", sa.Uuid(), nullable=True),
        sa.Column("recipient_number", sa.Integer(), nullable=True),
        sa.Column("options", NullableJson, nullable=True),
        sa.Column("asked_at", UtcDateTime(), nullable=True),
        sa.Column("copies", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("delays", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("purpose", sa.String(length=20), nullable=True),
        sa.Column("segments", sa.Integer(), nullable=True),
        sa.Column("delivery_status", sa.String(length=20), nullable=True),
        sa.Column("delivery_at", UtcDateTime(), nullable=True),
    )


def _allow(statuses: tuple[str, ...]) -> None:
    allowed = ", ".join(repr(status) for status in statuses)
    with op.batch_alter_table("messages") as table:
        table.drop_constraint(op.f("ck_messages_status"), type_="check")
        table.create_check_constraint(op.f("ck_messages_status"), f"status IN ({allowed})")
