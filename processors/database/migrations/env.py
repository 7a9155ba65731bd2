"""Alembic's entry: runs the versions on the connection that `processors.database.migrate` gives."""

from alembic import context

from processors.database.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
