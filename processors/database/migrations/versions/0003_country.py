"""Organisations: the country whose phone numbers are written without a country code.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("organisations", sa.Column("country", sa.String(length=2), nullable=True))


def downgrade() -> None:
    op.drop_column("organisations", "country")
