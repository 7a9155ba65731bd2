"""Dead letters: what is known of jobs that failed for good.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

from processors.database.columns import NullableJson, UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "dead_letters",
        sa.Column("id", sa.String(length=300), nullable=False),
        sa.Column("job_id", sa.String(length=500), nullable=False),
        sa.Column("queue", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=100), nullable=False),
        sa.Column("org_id", sa.String(length=100), nullable=False),
        sa.Column("payload", NullableJson, nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error_class", sa.String(length=200), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.Column("died_at", UtcDateTime(), nullable=False),
        sa.Column("requeued_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dead_letters")),
    )
    op.create_index("ix_dead_letters_died_at", "dead_letters", ["died_at"], unique=False)
    op.create_index(
        "ix_dead_letters_fingerprint_died_at",
        "dead_letters",
        ["fingerprint", "died_at"],
        unique=False,
    )
    op.create_index("ix_dead_letters_job_id", "dead_letters", ["job_id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_dead_letters_job_id", table_name="dead_letters")
    op.drop_index("ix_dead_letters_fingerprint_died_at", table_name="dead_letters")
    op.drop_index("ix_dead_letters_died_at", table_name="dead_letters")
    op.drop_table("dead_letters")
