"""Executions as a state machine: versions instead of copies, steps by key, waits for events.

An execution that had begun keeps the definition it began with, as a version of its workflow.

Revision ID: 0007
Revises: 0006
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

from processors.database.columns import Json, NullableJson, UtcDateTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_NEW_STATUSES = ("queued", "running", "paused", "completed", "failed", "cancelled")
_OLD_STATUSES = ("running", "completed", "failed", "cancelled")
_PAGE = 500
_PARTS = ("name", "trigger_type", "trigger_config", "nodes", "edges", "variables", "settings")
_WORKFLOWS = sa.table(
    "workflows",
    *(sa.column(name, sa.String()) for name in ("org_id", "id", "name", "trigger_type")),
    *(sa.column(name, Json) for name in ("trigger_config", "nodes", "edges", "variables",
                                         "settings")),
    sa.column("version", sa.Integer()),
)  # fmt: skip
_VERSIONS = sa.table(
    "workflow_versions",
    *(sa.column(name, sa.String()) for name in ("org_id", "workflow_id", "digest", "author")),
    sa.column("version", sa.Integer()),
    sa.column("definition", Json),
    sa.column("created_at", UtcDateTime()),
)
_EXECUTIONS = sa.table(
    "workflow_executions",
    sa.column("id", sa.Uuid()),
    *(sa.column(name, sa.String()) for name in ("org_id", "workflow_id", "contact_id",
                                                "entry_key")),
    sa.column("definition", Json),
    sa.column("version", sa.Integer()),
)  # fmt: skip


def upgrade() -> None:
    # On SQLite a table that is made anew is dropped before, and takes along what refers to it.
    op.execute("CREATE TABLE steps_aside AS SELECT * FROM workflow_execution_steps")
    op.drop_table("workflow_execution_steps")
    for column in _new_columns():
        op.add_column("workflow_executions", column)
    _give_versions()
    with op.batch_alter_table("workflow_executions") as table:
        table.drop_constraint(op.f("ck_workflow_executions_status"), type_="check")
        table.create_check_constraint(op.f("ck_workflow_executions_status"), _one_of(_NEW_STATUSES))
        table.drop_column("definition")
    op.drop_index("ix_workflow_executions_org_id_workflow_id", table_name="workflow_executions")
    for name, columns in _indexes().items():
        op.create_index(name, "workflow_executions", columns)
    _new_steps()
    op.execute(
        "INSERT INTO workflow_steps (execution_id, key, node_id, node_type, action_type, status,"
        " branch, attempts, input_data, output_data, error, resume_at, created_at, started_at,"
        " completed_at) SELECT execution_id, node_id, node_id, node_type, action_type, status,"
        " NULL, 1, input_data, output_data, error, resume_at, created_at, started_at, completed_at"
        " FROM steps_aside"
    )
    op.drop_table("steps_aside")
    _give_branches()
    op.create_table(
        "workflow_waits",
        sa.Column("execution_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("event", sa.String(length=100), nullable=False),
        sa.Column("org_id", sa.String(length=100), nullable=False),
        sa.Column("contact_id", sa.String(length=100), nullable=False),
        sa.ForeignKeyConstraint(
            ["execution_id"],
            ["workflow_executions.id"],
            name=op.f("fk_workflow_waits_execution_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("execution_id", "key", "event", name=op.f("pk_workflow_waits")),
    )
    op.create_index(
        "ix_workflow_waits_org_id_event_contact_id",
        "workflow_waits",
        ["org_id", "event", "contact_id"],
    )


def downgrade() -> None:
    op.drop_table("workflow_waits")
    op.execute("CREATE TABLE steps_aside AS SELECT * FROM workflow_steps")
    op.drop_table("workflow_steps")
    for name in _indexes():
        op.drop_index(name, table_name="workflow_executions")
    op.add_column("workflow_executions", sa.Column("definition", Json, server_default="{}"))
    op.execute(
        "UPDATE workflow_executions SET status = 'cancelled' WHERE status IN ('queued', 'paused')"
    )
    connection = op.get_bind()
    versions = sa.select(_VERSIONS.c.org_id, _VERSIONS.c.workflow_id, _VERSIONS.c.version,
                         _VERSIONS.c.definition)  # fmt: skip
    for row in connection.execute(versions).all():
        connection.execute(
            sa.update(_EXECUTIONS)
            .where(
                _EXECUTIONS.c.org_id == row.org_id,
                _EXECUTIONS.c.workflow_id == row.workflow_id,
                _EXECUTIONS.c.version == row.version,
            )
            .values(definition=row.definition)
        )
    with op.batch_alter_table("workflow_executions") as table:
        table.alter_column("definition", existing_type=Json, nullable=False, server_default=None)
        table.drop_constraint(op.f("ck_workflow_executions_status"), type_="check")
        table.create_check_constraint(op.f("ck_workflow_executions_status"), _one_of(_OLD_STATUSES))
        for column in _new_columns():
            table.drop_column(column.name)
    _old_steps()
    op.execute(
        "INSERT INTO workflow_execution_steps (execution_id, node_id, node_type, action_type,"
        " status, input_data, output_data, error, resume_at, created_at, started_at, completed_at)"
        " SELECT execution_id, key, node_type, action_type, CASE WHEN status IN"
        " ('cancelled', 'skipped') THEN 'completed' ELSE status END, input_data, output_data,"
        " error, resume_at, created_at, started_at, completed_at FROM steps_aside"
    )
    op.drop_table("steps_aside")
    op.create_index(
        "ix_workflow_executions_org_id_workflow_id",
        "workflow_executions",
        ["org_id", "workflow_id"],
    )


def _one_of(values: tuple[str, ...]) -> str:
    return f"status IN ({', '.join(repr(value) for value in values)})"


def _new_columns() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("version", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("event_id", sa.Uuid(), nullable=True),
        sa.Column("entry_key", sa.String(length=320), nullable=True),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("parent_key", sa.String(length=200), nullable=True),
        sa.Column("depth", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("run", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("kept", Json, nullable=False, server_default="{}"),
    )


def _indexes() -> dict[str, list[str]]:
    return {
        "ix_workflow_executions_entry": ["org_id", "workflow_id", "entry_key", "started_at"],
        "ix_workflow_executions_parent_id": ["parent_id"],
        "ix_workflow_executions_org_id_started_at": ["org_id", "started_at"],
    }


def _give_versions() -> None:
    """Every definition that an execution began with, and each workflow's own, is a version."""
    connection = op.get_bind()
    versions: dict[tuple[str, str], dict[str, int]] = {}
    for row in connection.execute(sa.select(_VERSIONS)):
        versions.setdefault((row.org_id, row.workflow_id), {})[row.digest] = row.version
    stored = {}
    for row in connection.execute(sa.select(_WORKFLOWS)).all():
        own = {part: getattr(row, part) for part in _PARTS}
        known = versions.setdefault((row.org_id, row.id), {})
        stored[row.org_id, row.id] = own
        if row.version not in known.values():
            _add_version(known, (row.org_id, row.id), own, row.version)
    last = None
    while True:
        page = sa.select(_EXECUTIONS).order_by(_EXECUTIONS.c.id).limit(_PAGE)
        rows = connection.execute(page if last is None else page.where(_EXECUTIONS.c.id > last))
        found = rows.all()
        for row in found:
            of = (row.org_id, row.workflow_id)
            began_with = {**stored[of], **(row.definition or {})}
            known = versions[of]
            version = known.get(_digest(began_with))
            if version is None:
                number = max(known.values(), default=0) + 1
                version = _add_version(known, of, began_with, number)
            connection.execute(
                sa.update(_EXECUTIONS)
                .where(_EXECUTIONS.c.id == row.id)
                .values(version=version, entry_key=row.contact_id)
            )
        if len(found) < _PAGE:
            break
        last = found[-1].id
    # What a workflow is now keeps its number: the copies above it were older.
    for (org, workflow), known in versions.items():
        newest = max(known.values())
        own_version = known[_digest(stored[org, workflow])]
        if own_version != newest:
            connection.execute(
                sa.update(_WORKFLOWS)
                .where(_WORKFLOWS.c.org_id == org, _WORKFLOWS.c.id == workflow)
                .values(version=own_version)
            )


def _add_version(
    known: dict[str, int], of: tuple[str, str], definition: Mapping[str, Any], version: int
) -> int:
    digest = _digest(definition)
    known[digest] = version
    op.get_bind().execute(
        sa.insert(_VERSIONS).values(
            org_id=of[0],
            workflow_id=of[1],
            version=version,
            definition=_content(definition),
            digest=digest,
            created_at=datetime.now(UTC),
        )
    )
    return version


def _content(definition: Mapping[str, Any]) -> dict[str, Any]:
    """Every field in its one form, as `processors.workflow.definition.versions` has it."""
    return {
        "name": str(definition.get("name") or "")[:200],
        "trigger_type": definition.get("trigger_type") or None,
        **{part: dict(definition.get(part) or {}) for part in ("trigger_config", "settings")},
        **{part: list(definition.get(part) or []) for part in ("nodes", "edges", "variables")},
    }


def _digest(definition: Mapping[str, Any]) -> str:
    text = json.dumps(_content(definition), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _give_branches() -> None:
    """A condition that was decided left by the branch that its output tells."""
    steps = sa.table(
        "workflow_steps",
        sa.column("execution_id", sa.Uuid()),
        *(sa.column(name, sa.String()) for name in ("key", "node_type", "status", "branch")),
        sa.column("output_data", Json),
    )
    connection = op.get_bind()
    decided = sa.select(steps).where(
        steps.c.node_type == "condition", steps.c.status == "completed"
    )
    for row in connection.execute(decided).all():
        branch = "true" if (row.output_data or {}).get("result") else "false"
        connection.execute(
            sa.update(steps)
            .where(steps.c.execution_id == row.execution_id, steps.c.key == row.key)
            .values(branch=branch)
        )
    # The plan of an execution says in which order its steps began; until now their times did.
    connection.execute(
        sa.text(
            "UPDATE workflow_steps SET number = (SELECT count(*) FROM workflow_steps AS earlier"
            " WHERE earlier.execution_id = workflow_steps.execution_id AND"
            " (earlier.created_at, earlier.key) < (workflow_steps.created_at, workflow_steps.key))"
        )
    )


def _new_steps() -> None:
    op.create_table(
        "workflow_steps",
        sa.Column("execution_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("node_id", sa.String(length=200), nullable=False),
        sa.Column("iteration", sa.String(length=100), nullable=False, server_default=""),
        sa.Column("run", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("number", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("node_type", sa.String(length=100), nullable=False),
        sa.Column("action_type", sa.String(length=100), nullable=True),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("branch", sa.String(length=200), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("is_skipping", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("is_past", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("input_data", NullableJson, nullable=True),
        sa.Column("output_data", NullableJson, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("resume_at", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=True),
        sa.Column("completed_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint(
            "status IN ('pending', 'running', 'waiting', 'completed', 'failed', 'cancelled', "
            "'skipped')",
            name=op.f("ck_workflow_steps_status"),
        ),
        sa.ForeignKeyConstraint(
            ["execution_id"],
            ["workflow_executions.id"],
            name=op.f("fk_workflow_steps_execution_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("execution_id", "key", name=op.f("pk_workflow_steps")),
    )
    op.create_index(
        "ix_workflow_steps_status_created_at", "workflow_steps", ["status", "created_at"]
    )


def _old_steps() -> None:
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
    )
