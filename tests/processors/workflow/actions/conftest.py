"""One step of a workflow about Ana, its data in memory."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from processors.workflow.actions.context import ActionContext
from processors.workflow.actions.registry import run_action
from processors.workflow.nodes import ActionSettings
from tests.processors.harness import ORG
from tests.processors.shared_database import database as shared_database
from tests.processors.shared_database import migrated
from tests.processors.workflow.actions.memory_repository import MemoryRepository

__all__ = ["migrated", "shared_database"]

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
EXECUTION = uuid.UUID(int=7)
ANA = {
    "first_name": "Ana",
    "last_name": "Ruiz",
    "email": "ana@example.com",
    "phone": "+447700900123",
    "score": 60,
    "tags": ["Trial"],
}


@pytest.fixture
def repository() -> MemoryRepository:
    return MemoryRepository(contact={"lead_1": ANA})


@pytest.fixture
def context(repository: MemoryRepository) -> Callable[..., ActionContext]:
    def make(**fields: Any) -> ActionContext:
        contact = {**(repository.get(ORG, "contact", "lead_1") or {})}
        scope = {
            **contact,
            "contact": contact,
            "lead": contact,
            "organisation": {"name": "Iron Works Gym", "country": "GB"},
            "variables": {},
            "trigger": {},
        }
        values: dict[str, Any] = {
            "org": ORG,
            "execution_id": EXECUTION,
            "step_key": "node_1",
            "now": NOW,
            "zone": ZoneInfo("Europe/London"),
            "contact_id": "lead_1",
            "repository": repository,
        }
        return ActionContext(**(values | fields | {"scope": scope | fields.get("scope", {})}))

    return make


@pytest.fixture
def act(context: Callable[..., ActionContext]) -> Callable[..., Any]:
    """Runs an action twice, as after a crash: the outcome of the first time."""

    def run(name: str, config: dict[str, Any], **fields: Any) -> Any:
        outcome = run_action(ActionSettings(action=name, config=config), context(**fields))
        run_action(ActionSettings(action=name, config=config), context(**fields))
        return outcome

    return run
