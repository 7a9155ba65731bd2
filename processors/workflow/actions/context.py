"""What an action is told, and the few things that all of them need of it."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, Literal, Protocol

from processors.crm.repository.protocol import Entity, Record, Repository, Upserted
from processors.errors import TemplateError
from processors.naming import snake_case
from processors.templates.rendering import Rendered
from processors.templates.resolving import BuiltInTemplate

_NAMESPACE = uuid.UUID("6f0c3a52-0c35-5f0e-9f0f-6d1f3ab4c9d1")


class MessageTemplate(Protocol):
    """A template that a message names."""

    @property
    def purpose(self) -> str | None:
        """What it is for; None for what the message says."""

    def render(self, data: Mapping[str, Any], /) -> Rendered:
        """Fill it in; raises `TemplateError`."""


def built_in_template(channel: Literal["email", "sms", "whatsapp"], name: str) -> MessageTemplate:
    """The template that comes with the program.

    Raises:
        TemplateError: there are none for text messages.
    """
    if channel == "sms":
        raise TemplateError(f"there is no sms template {name[:60]!r}")
    return BuiltInTemplate(channel, name)


@dataclass(frozen=True, slots=True)
class ActionContext:
    """What an action works with.

    Attributes:
        org: whose execution.
        execution_id: which one.
        step_key: the step within it; holds the node's id and, in a loop, the iteration.
        now: the time; actions never read the host's.
        zone: the organisation's time zone, by which dates without one are read.
        scope: variables by name, see `processors.crm.scope`.
        contact_id: whom the execution is about; None for an event that names nobody.
        repository: the CRM's data, within the transaction that closes the step.
        template: the organisation's template of a channel and a name, see
            `processors.templates.resolving`; raises `TemplateError` if there is none.
    """

    org: str
    execution_id: uuid.UUID
    step_key: str
    now: datetime
    zone: tzinfo
    scope: Mapping[str, Any]
    contact_id: str | None
    repository: Repository
    template: Callable[[Literal["email", "sms", "whatsapp"], str], MessageTemplate] = (
        built_in_template
    )

    def contact(self) -> Record:
        """The execution's contact, locked until the transaction ends.

        Raises:
            ValueError: the event named nobody, or the contact does not exist any more.
        """
        if self.contact_id is None:
            raise ValueError("the event that started the workflow names no contact")
        found = self.repository.get(self.org, "contact", self.contact_id, lock=True)
        if found is None:
            raise ValueError(f"the contact {self.contact_id!r} does not exist any more")
        return found

    def create(self, entity: Entity, record_id: str, fields: Mapping[str, Any]) -> Upserted:
        """Store a record of this step's own.

        Raises:
            ValueError: a value cannot be stored.
        """
        return self.repository.upsert(self.org, entity, record_id, fields, occurred_at=self.now)

    def change(self, entity: Entity, record: Record, fields: Mapping[str, Any]) -> Upserted:
        """Set fields of a record that was read under its lock.

        What was read is what the step decided on, so that the change comes after it: also after a
        report from a clock that is ahead, which would win over this step's `now`.

        Raises:
            ValueError: a value cannot be stored.
        """
        names = {snake_case(str(name)) for name in fields}
        times = record.get("field_times") or {}
        read = (
            datetime.fromisoformat(at)
            for name, at in times.items()
            if name.rpartition(".")[2] in names
        )
        return self.repository.upsert(
            self.org, entity, str(record["id"]), fields, occurred_at=max((self.now, *read))
        )

    def key(self, part: str = "") -> uuid.UUID:
        """An id for what this step makes: the same whenever the step runs again.

        Args:
            part: tells apart the several things that one step makes.
        """
        return uuid.uuid5(_NAMESPACE, f"{self.execution_id}:{self.step_key}:{part}")
