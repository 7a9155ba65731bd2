"""Actions for the people who work at a gym: notices, assignments, tasks, notes."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from processors.payloads.messaging import MAX_SMS, SendEmail, SendSms
from processors.texts.values import moment, shown
from processors.workflow.actions.config import ActionConfig, Also, Filled
from processors.workflow.actions.context import ActionContext
from processors.workflow.actions.messages import MessageConfig, hand_over
from processors.workflow.actions.outcomes import Done, HandOver
from processors.workflow.actions.registry import action
from processors.workflow.actions.spans import Span

# How often a user was assigned to by role, as a custom field of the user.
_ASSIGNMENTS = "workflow_assignments"


def _names(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_names), Field(max_length=100)]


class NotifyStaffConfig(MessageConfig):
    """A message to `users` (ids), to everybody of `roles`, or to addresses (`to`).

    Without any of them it goes to the user to whom the contact is assigned.
    """

    channel: Literal["email", "sms"] = "email"
    users: Annotated[Names, Also("user", "user_id", "user_ids", "assigned_to")] = ()
    roles: Annotated[Names, Also("role")] = ()
    subject: Annotated[str | None, Also("title"), Filled.LINE] = None
    message: Annotated[str, Also("body", "content", "text"), Filled.PROSE]


@action("notify_staff", NotifyStaffConfig, aliases=("notify_team", "internal_notification"))
def notify_staff(config: NotifyStaffConfig, ctx: ActionContext) -> HandOver:
    """Write to people of the gym's staff, by e-mail or text message."""
    recipients = None
    if config.to is None:
        field = "email" if config.channel == "email" else "phone"
        people = _staff(config, ctx)
        addresses = [str(user[field]) for user in people if user.get(field)]
        if not addresses:
            names = ", ".join(str(user.get("name") or user["id"]) for user in people)
            raise ValueError(f"nobody has an {field} among {names}"[:300])
        recipients = {"to": addresses}
    # Notices at work need no consent.
    config = config.model_copy(update={"purpose": "transactional"})
    if config.channel == "sms":
        if len(config.message) > MAX_SMS:
            raise ValueError(f"the text becomes longer than {MAX_SMS} characters")
        content = {"message": config.message}
        return hand_over("send_sms", SendSms, content, config, ctx, recipients=recipients)
    subject = config.subject or config.message.strip().splitlines()[0][:200]
    content = {"subject": subject, "text": config.message}
    return hand_over("send_email", SendEmail, content, config, ctx, recipients=recipients)


def _staff(config: NotifyStaffConfig, ctx: ActionContext) -> Sequence[Mapping[str, Any]]:
    """The users of a notice, each once."""
    wanted = list(config.users)
    if not wanted and not config.roles:
        assigned = ctx.contact().get("assigned_to")
        if not assigned:
            raise ValueError("the contact is assigned to nobody; allowed: users, roles or to")
        wanted = [str(assigned)]
    found = {str(user["id"]): user for user in (_user(user_id, ctx) for user_id in wanted)}
    for role in config.roles:
        found |= {str(user["id"]): user for user in _of_role(role, ctx)}
    return list(found.values())


class AssignConfig(ActionConfig):
    """To one user, or to the users of a role in turn."""

    user_id: Annotated[
        str | None, Also("user", "assigned_to", "assignee"), Field(max_length=100)
    ] = None
    role: Annotated[str | None, Also("team"), Field(max_length=100)] = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.user_id is None) is (self.role is None):
            raise ValueError("it needs somebody to assign to; allowed: user_id or role")
        return self


@action("assign_to_user", AssignConfig, aliases=("assign_user", "assign_contact", "assign_lead"))
def assign_to_user(config: AssignConfig, ctx: ActionContext) -> Done:
    """Make a user responsible for the contact."""
    contact = ctx.contact()
    user_id = _assignee(config.user_id, config.role, contact, ctx)
    if contact.get("assigned_to") != user_id:
        ctx.change("contact", contact, {"assigned_to": user_id})
    return Done({"contact_id": ctx.contact_id, "user_id": user_id})


def _assignee(
    user_id: str | None, role: str | None, contact: Mapping[str, Any] | None, ctx: ActionContext
) -> str | None:
    """The id of who is meant; None when nobody is named."""
    if user_id is not None:
        return str(_user(user_id, ctx)["id"])
    if role is None:
        return None
    users = {str(user["id"]): user for user in _of_role(role, ctx)}
    owner = str((contact or {}).get("assigned_to") or "")
    # Somebody of that role looks after the contact already: nobody else's turn.
    return owner if owner in users else _next_in_turn(sorted(users), ctx)


def _next_in_turn(user_ids: Sequence[str], ctx: ActionContext) -> str:
    """Whoever had the fewest turns so far; the users are locked, in one order."""
    locked = {
        user_id: ctx.repository.get(ctx.org, "user", user_id, lock=True) or {}
        for user_id in user_ids
    }
    turns = {user_id: _turns(user) for user_id, user in locked.items()}
    chosen = min(user_ids, key=lambda user_id: (turns[user_id], user_id))
    # A new colleague joins the round; the past is not made up for.
    turn = max(turns[chosen], max(turns.values()) - 1) + 1
    ctx.change("user", {"id": chosen, **locked[chosen]}, {_ASSIGNMENTS: turn})
    return chosen


def _turns(user: Mapping[str, Any]) -> int:
    custom = user.get("custom_fields")
    found = user.get(_ASSIGNMENTS, custom.get(_ASSIGNMENTS) if isinstance(custom, Mapping) else 0)
    return found if isinstance(found, int) else 0


class CreateTaskConfig(ActionConfig):
    """A task about the contact.

    It is due `due_in` after now (any span; `due_in_days` for days), or at `due_at`, a date or time
    in the organisation's zone. It is `assigned_to` a user, or to the users of a `role` in turn;
    without either, to whoever looks after the contact.
    """

    title: Annotated[
        str, Also("task_title", "name", "task_name", "subject"), Filled.LINE,
        Field(min_length=1, max_length=500),
    ]  # fmt: skip
    description: Annotated[
        str | None, Also("task_description", "body", "content", "notes"), Filled.PROSE
    ] = None
    due_in: Annotated[Span | None, Also("due", "due_after")] = None
    due_in_days: Annotated[float | None, Also("due_days"), Field(ge=0, le=3_650)] = None
    due_at: Annotated[Any, Also("due_date", "deadline")] = None
    priority: Annotated[
        Literal["low", "normal", "medium", "high", "urgent"] | None,
        BeforeValidator(lambda value: value.lower() if isinstance(value, str) else value),
    ] = None
    assigned_to: Annotated[
        str | None, Also("assignee", "assign_to", "user_id"), Field(max_length=100)
    ] = None
    role: Annotated[str | None, Also("assigned_role"), Field(max_length=100)] = None

    @model_validator(mode="after")
    def _one_due(self) -> Self:
        if sum(value is not None for value in (self.due_in, self.due_in_days, self.due_at)) > 1:
            raise ValueError("it is due in several ways; allowed: due_in, due_in_days or due_at")
        return self


@action("create_task", CreateTaskConfig, aliases=("add_task",))
def create_task(config: CreateTaskConfig, ctx: ActionContext) -> Done:
    """Give somebody of the staff something to do."""
    contact = ctx.contact() if ctx.contact_id is not None else None
    assigned = _assignee(config.assigned_to, config.role, contact, ctx)
    due_at = _due(config, ctx)
    task_id = str(ctx.key("task"))
    fields = {
        "contact_id": ctx.contact_id,
        "title": config.title,
        "description": config.description,
        "priority": config.priority,
        "assigned_to": assigned or (contact or {}).get("assigned_to"),
        "due_at": due_at,
        "status": "open",
    }
    # A repeat must not open again what somebody has done since.
    if ctx.repository.get(ctx.org, "task", task_id) is None:
        ctx.create("task", task_id, fields)
    return Done({"task_id": task_id, "due_at": due_at.isoformat() if due_at else None})


def _due(config: CreateTaskConfig, ctx: ActionContext) -> datetime | None:
    if config.due_in is not None:
        return ctx.now + config.due_in
    if config.due_in_days is not None:
        return ctx.now + timedelta(days=config.due_in_days)
    if config.due_at is None:
        return None
    found = moment(config.due_at, ctx.zone)
    if found is None:
        raise ValueError(
            f"due_at: {shown(config.due_at)} is no date; allowed: ISO 8601, such as 2026-11-25"
        )
    return found


class AddNoteConfig(ActionConfig):
    """A note about the contact; its author is the workflow if none is named."""

    text: Annotated[
        str, Also("note", "content", "body", "message", "value"), Filled.PROSE,
        Field(min_length=1, max_length=20_000),
    ]  # fmt: skip
    author: Annotated[str | None, Filled.LINE, Field(max_length=200)] = None


@action("add_note", AddNoteConfig, aliases=("create_note",))
def add_note(config: AddNoteConfig, ctx: ActionContext) -> Done:
    """Write a note about the contact."""
    ctx.contact()
    note_id = str(ctx.key("note"))
    workflow = ctx.scope.get("workflow_name") or "workflow"
    fields = {
        "contact_id": ctx.contact_id,
        "text": config.text,
        "author": config.author or str(workflow)[:200],
    }
    ctx.create("note", note_id, fields)
    return Done({"note_id": note_id})


def _user(user_id: str, ctx: ActionContext) -> Mapping[str, Any]:
    found = ctx.repository.get(ctx.org, "user", user_id)
    if found is None:
        raise ValueError(f"the organisation has no user {user_id!r}")
    return found


def _of_role(role: str, ctx: ActionContext) -> Sequence[Mapping[str, Any]]:
    found = ctx.repository.find(ctx.org, "user", {"role": role, "is_active": True})
    if not found:
        raise ValueError(f"no active user has the role {role!r}")
    return found
