"""Actions that change the contact: tags, fields, score, stage, who looks after it."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from processors.naming import snake_case
from processors.texts.values import number, shown
from processors.texts.wording import from_notation
from processors.workflow.actions.config import ActionConfig, Also, Filled
from processors.workflow.actions.context import ActionContext
from processors.workflow.actions.outcomes import Done
from processors.workflow.actions.registry import action

_MAX_SCORE = 100
_MAX_TAGS = 200


def _one_line(value: Any) -> Any:
    value = from_notation(value) if isinstance(value, str) else value
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return value
    return " ".join(str(value).split())


def _listed(value: Any) -> Any:
    # A list or an object that came as JSON text is what it says: no tag is called '{"a": 1}'.
    value = from_notation(value) if isinstance(value, str) else value
    return [value] if isinstance(value, str | int) else value


Tag = Annotated[str, Field(min_length=1, max_length=100), BeforeValidator(_one_line)]


class TagsConfig(ActionConfig):
    """One tag, or a list of them."""

    tags: Annotated[
        tuple[Tag, ...],
        BeforeValidator(_listed),
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


def _number(value: Any) -> Decimal:
    found = value if isinstance(value, Decimal) else number(value)
    if found is None:
        raise ValueError(f"a change of score needs a number, not {shown(value)}")
    return found


class UpdateScoreConfig(ActionConfig):
    """`operation` with a number: add it to the score, subtract it, or set the score to it."""

    operation: Literal["add", "subtract", "set"] = "add"
    value: Annotated[
        Decimal,
        BeforeValidator(_number),
        Also("score_change", "points", "amount", "change"),
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
    return sorted(ctx.change("contact", ctx.contact(), fields).changes)


def _distinct(tags: Iterable[str]) -> list[str]:
    found: dict[str, str] = {}
    for tag in tags:
        found.setdefault(tag.casefold(), tag)
    return list(found.values())


class CreateContactConfig(ActionConfig):
    """A person by address, number or both; further fields go under `fields`.

    A contact who is known by that address or number is updated (`if_exists`), or left as it is.
    """

    first_name: Annotated[str | None, Filled.LINE] = None
    last_name: Annotated[str | None, Filled.LINE] = None
    name: Annotated[str | None, Also("full_name"), Filled.LINE] = None
    email: Annotated[str | None, Filled.LINE] = None
    phone: Annotated[str | None, Also("phone_number"), Filled.LINE] = None
    source: Annotated[str | None, Filled.LINE] = None
    type: Literal["lead", "member"] = "lead"
    tags: Annotated[
        tuple[Tag, ...], BeforeValidator(_listed), Also("tag"), Field(max_length=_MAX_TAGS)
    ] = ()
    fields: Annotated[Mapping[str, Any], BeforeValidator(_pairs), Also("custom_fields")] = {}
    if_exists: Annotated[Literal["update", "skip"], Also("duplicates", "on_duplicate")] = "update"

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if self.email is None and self.phone is None:
            raise ValueError("a contact needs an email or a phone")
        return self


@action("create_contact", CreateContactConfig, aliases=("create_lead", "add_contact"))
def create_contact(config: CreateContactConfig, ctx: ActionContext) -> Done:
    """Record another person as a contact; the execution stays about its own."""
    known = ctx.repository.find_contact(ctx.org, email=config.email, phone=config.phone)
    contact_id = str(known["id"] if known else ctx.key("contact"))
    # After a crash the contact is this step's own.
    is_new = known is None or contact_id == str(ctx.key("contact"))
    if is_new or config.if_exists == "update":
        names = ("first_name", "last_name", "name", "email", "phone", "source")
        own = {name: value for name in names if (value := getattr(config, name)) is not None}
        tags = [*(known or {}).get("tags", []), *config.tags]
        fields = {**config.fields, **own} | ({"tags": _distinct(tags)} if config.tags else {})
        if is_new:
            fields["type"] = config.type
        if known is None:
            ctx.create("contact", contact_id, fields)
        else:
            ctx.change("contact", known, fields)
    return Done({"contact_id": contact_id, "is_new": is_new})


class ChangeStageConfig(ActionConfig):
    """The contact's new place in the gym's pipeline."""

    stage: Annotated[
        str, Also("stage_id", "new_stage", "to_stage"), Filled.LINE,
        Field(min_length=1, max_length=100),
    ]  # fmt: skip


@action("change_stage", ChangeStageConfig, aliases=("update_stage", "move_stage"))
def change_stage(config: ChangeStageConfig, ctx: ActionContext) -> Done:
    """Move the contact to another stage."""
    before = ctx.contact().get("stage")
    if before != config.stage:
        _set(ctx, {"stage": config.stage})
    return Done({"contact_id": ctx.contact_id, "previous_stage": before, "stage": config.stage})


class CampaignConfig(ActionConfig):
    """A campaign by its id or name."""

    campaign_id: Annotated[
        str, Also("campaign", "campaign_name"), Filled.LINE, Field(min_length=1, max_length=80)
    ]


def campaign_tag(campaign: str) -> str:
    """The tag that says of a contact that it belongs to a campaign."""
    return f"campaign:{campaign}"


@action("add_to_campaign", CampaignConfig)
def add_to_campaign(config: CampaignConfig, ctx: ActionContext) -> Done:
    """Mark the contact as belonging to a campaign, by the tag ``campaign:…``.

    A segment of that tag is the campaign's audience; nothing is sent by this.
    """
    return add_tag(TagsConfig(tags=(campaign_tag(config.campaign_id),)), ctx)


@action("remove_from_campaign", CampaignConfig)
def remove_from_campaign(config: CampaignConfig, ctx: ActionContext) -> Done:
    """Take that mark from the contact; what is queued already is sent."""
    return remove_tag(TagsConfig(tags=(campaign_tag(config.campaign_id),)), ctx)
