"""Executions that had begun before 0007 keep the definition that they began with."""

import json
import uuid
from datetime import UTC, datetime

from alembic import command
from alembic.config import Config
from sqlalchemy import select, text

from processors.database.engine import connect
from processors.database.migrate import MIGRATIONS, migrate
from processors.database.models import Workflow, WorkflowExecution, WorkflowStep, WorkflowVersion

OLD = {"name": "W", "nodes": [{"id": "t", "type": "trigger"}], "edges": [], "settings": {}}
NOW = [{"id": "t", "type": "trigger"}, {"id": "a", "type": "action"}]


def test_each_gets_the_version_that_it_had(database_url):
    database = connect(database_url)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    with database.connection() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0006")
    at = datetime(2026, 3, 10, 9, tzinfo=UTC)
    ids = {"old": uuid.UUID(int=1), "new": uuid.UUID(int=2)}
    with database.write() as session:
        session.execute(
            text(
                "INSERT INTO organisations (id, name, timezone, settings, created_at)"
                " VALUES ('org', 'Gym', 'Europe/London', '{}', :at)"
            ),
            {"at": at},
        )
        session.execute(
            text("INSERT INTO workflows (org_id, id, name, status, trigger_config, nodes, edges,"
                 " variables, settings, version, created_at, updated_at) VALUES ('org', 'wf', 'W',"
                 " 'active', '{}', :nodes, '[]', '[]', '{}', 1, :at, :at)"),
            {"nodes": json.dumps(NOW), "at": at},
        )  # fmt: skip
        for name, ident in ids.items():
            definition = OLD if name == "old" else OLD | {"nodes": NOW}
            stored = ident.hex if database.is_sqlite else ident
            session.execute(
                text("INSERT INTO workflow_executions (id, org_id, workflow_id, status,"
                     " trigger_type, trigger_data, variables, definition, contact_id, priority,"
                     " job_id, started_at) VALUES (:id, 'org', 'wf', 'running', 'lead_created',"
                     " '{}', '{}', :definition, 'c', 3, 'j', :at)"),
                {"id": stored, "definition": json.dumps(definition), "at": at},
            )  # fmt: skip
            session.execute(
                text("INSERT INTO workflow_execution_steps (execution_id, node_id, node_type,"
                     " status, output_data, created_at) VALUES (:id, 'c', 'condition',"
                     " 'completed', :output, :at)"),
                {"id": stored, "output": json.dumps({"result": True}), "at": at},
            )  # fmt: skip
    migrate(database)
    with database.read() as session:
        versions = {v.version: v for v in session.scalars(select(WorkflowVersion))}
        had = {name: session.get_one(WorkflowExecution, ident).version
               for name, ident in ids.items()}  # fmt: skip
        assert session.get_one(Workflow, ("org", "wf")).version == 1
        steps = session.scalars(select(WorkflowStep)).all()
    assert versions[had["old"]].definition["nodes"] == OLD["nodes"]
    assert versions[had["new"]].definition["nodes"] == NOW
    assert (had["new"], len(versions)) == (1, 2)
    assert {(step.key, step.branch, step.attempts) for step in steps} == {("c", "true", 1)}
    with database.connection() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0006")
        again = connection.execute(text("SELECT count(*) FROM workflow_execution_steps")).scalar()
        kept = connection.execute(text("SELECT definition FROM workflow_executions")).scalars()
        nodes = [json.loads(one)["nodes"] if isinstance(one, str) else one["nodes"]
                 for one in kept]  # fmt: skip
    assert again == 2
    assert sorted(map(len, nodes)) == [1, 2]
    database.close()
