"""Actions that change the contact: tags, fields, score, stage, who looks after it."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from processors.naming import snake_case
from processors.texts.values import number, shown
from processors.workflow.actions.config import ActionConfig, Also
from processors.workflow.actions.context import ActionContext
from processors.workflow.actions.outcomes import Done
from processors.workflow.actions.registry import action

_MAX_SCORE = 100
_MAX_TAGS = 200


def _one_line(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return value
    return " ".join(str(value).split())


Tag = Annotated[str, Field(min_length=1, max_length=100), BeforeValidator(_one_line)]


class TagsConfig(ActionConfig):
    """One tag, or a list of them."""

    tags: Annotated[
        tuple[Tag, ...],
        BeforeValidator(lambda value: [value] if isinstance(value, str | int) else value),
        Also("tag", "tag_name", "value"),
        Field(min_length=1, max_length=_MAX_TAGS),
    ]


@action("add_tag", TagsConfig, aliases=("add_tags", "tag_contact"))
def add_tag(config: TagsConfig, ctx: ActionContext) -> Done:
    """Give the contact tags; those that it has stay as they are."""
    contact = ctx.contact()
    owned = [str(tag) for tag in contact.get("tags") or []]
    known = {tag.casefold() for tag in owned}
    added = [tag for tag in _distinct(config.tags) if tag.casefold() not in known]
    if len(owned) + len(added) > _MAX_TAGS:
        raise ValueError(f"a contact has at most {_MAX_TAGS} tags")
    if added:
        _set(ctx, {"tags": [*owned, *added]})
    return Done({"contact_id": ctx.contact_id, "added": added})


@action("remove_tag", TagsConfig, aliases=("remove_tags", "untag_contact"))
def remove_tag(config: TagsConfig, ctx: ActionContext) -> Done:
    """Take tags from the contact; those that it does not have do not matter."""
    contact = ctx.contact()
    owned = [str(tag) for tag in contact.get("tags") or []]
    unwanted = {tag.casefold() for tag in config.tags}
    removed = [tag for tag in owned if tag.casefold() in unwanted]
    if removed:
        _set(ctx, {"tags": [tag for tag in owned if tag.casefold() not in unwanted]})
    return Done({"contact_id": ctx.contact_id, "removed": removed})


def _pairs(value: Any) -> Any:
    """``[{"field": …, "value": …}]``, as the builder's form writes it, as an object."""
    if not isinstance(value, list | tuple):
        return value
    if not all(isinstance(entry, Mapping) and "field" in entry for entry in value):
        raise ValueError("each entry needs a field and a value")
    return {str(entry["field"]): entry.get("value") for entry in value}


class UpdateContactConfig(ActionConfig):
    """Fields with their new values, as `updates`, or one of them as `field` and `value`.

    A field that contacts do not have becomes a custom field.
    """

    BLANKS = frozenset({"value"})

    updates: Annotated[
        Mapping[str, Any] | None, BeforeValidator(_pairs), Also("fields", "data")
    ] = None
    field: Annotated[str | None, Also("field_name"), Field(max_length=100)] = None
    value: Any = None
    # ``add``, ``subtract``, ``set`` with a number and no field: the score.
    operation: Literal["add", "subtract", "set"] | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.updates and self.field is None and self.operation is None:
            raise ValueError("there is nothing to update; allowed: updates with fields and values")
        if self.field is not None and self.updates:
            raise ValueError("updates and field are two ways to say one thing; allowed: one")
        if self.operation is not None and (self.updates or self.field is not None):
            raise ValueError("operation changes the score and goes with value only")
        return self


@action("update_contact", UpdateContactConfig, aliases=("update_lead", "update_fields"))
def update_contact(config: UpdateContactConfig, ctx: ActionContext) -> Done:
    """Set fields of the contact."""
    contact = ctx.contact()
    if config.operation is not None:
        return change_score(ctx, contact, config.operation, config.value, "")
    updates = dict(config.updates or {str(config.field): config.value})
    score = [key for key in updates if snake_case(str(key)) in ("score", "lead_score")]
    changed: list[str] = []
    for key in score:
        output = change_score(ctx, contact, "set", updates.pop(key), "").output
        changed += ["score"] if output["score"] != output["previous_score"] else []
    changed += _set(ctx, updates) if updates else []
    return Done({"contact_id": ctx.contact_id, "changed": sorted(changed)})


def _number(value: Any) -> Any:
    found = number(value)
    if found is None:
        raise ValueError(f"a change of score needs a number, not {shown(value)}")
    return found


class UpdateScoreConfig(ActionConfig):
    """`operation` with a number: add it to the score, subtract it, or set the score to it."""

    operation: Literal["add", "subtract", "set"] = "add"
    value: Annotated[
        Decimal,
        BeforeValidator(_number),
        Also("score_change", "points", "amount", "change", "score", "score_value"),
    ]
    reason: Annotated[str, Field(max_length=500)] = ""


@action("update_score", UpdateScoreConfig, aliases=("update_lead_score", "lead_score"))
def update_score(config: UpdateScoreConfig, ctx: ActionContext) -> Done:
    """Change the contact's score, kept within 0 and 100, with a row of history."""
    return change_score(ctx, ctx.contact(), config.operation, config.value, config.reason)


def change_score(
    ctx: ActionContext, contact: Mapping[str, Any], operation: str, value: Any, reason: str
) -> Done:
    """Change a score once: what is in its history already is not added again.

    Raises:
        ValueError: the value is no number.
    """
    amount = _number(value)
    before = int(contact.get("score") or 0)
    new = {"add": before + amount, "subtract": before - amount, "set": amount}[operation]
    after = int(max(0, min(_MAX_SCORE, round(new))))
    if before != after:
        is_new = ctx.repository.add_score_change(
            ctx.org,
            str(ctx.contact_id),
            before=before,
            after=after,
            reason=reason or f"workflow step {ctx.step_key}"[:500],
            at=ctx.now,
            key=ctx.key("score"),
        )
        if is_new:
            _set(ctx, {"score": after})
        else:
            after = before
    return Done({"contact_id": ctx.contact_id, "previous_score": before, "score": after})


def _set(ctx: ActionContext, fields: Mapping[str, Any]) -> list[str]:
    """Set fields of the contact; the names of those that changed."""
    upserted = ctx.repository.upsert(
        ctx.org, "contact", str(ctx.contact_id), fields, occurred_at=ctx.now
    )
    return sorted(upserted.changes)


def _distinct(tags: Iterable[str]) -> list[str]:
    return list({tag.casefold(): tag for tag in tags}.values())
