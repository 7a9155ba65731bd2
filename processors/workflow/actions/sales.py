"""Actions about opportunities: create_opportunity, update_opportunity."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from babel.core import get_global
from babel.numbers import get_currency_precision, get_territory_currencies, is_currency
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from processors.texts.values import number, shown
from processors.workflow.actions.config import ActionConfig, Also, Filled
from processors.workflow.actions.context import ActionContext
from processors.workflow.actions.outcomes import Done
from processors.workflow.actions.registry import action

_MAX_VALUE = 10**12


def _amount(value: Any) -> Any:
    found = number(value)
    if found is None or not 0 <= found <= _MAX_VALUE:
        raise ValueError(f"must be an amount of money, not {shown(value)}")
    return found


def _currency(value: str) -> str:
    code = value.strip().upper()
    if not is_currency(code):
        raise ValueError(f"{code[:20]!r} is no currency; allowed: ISO 4217, such as GBP")
    return code


Text = Annotated[str | None, Filled.LINE, Field(max_length=200)]
Short = Annotated[str | None, Filled.LINE, Field(max_length=100)]
Amount = Annotated[Decimal | None, BeforeValidator(_amount)]
Currency = Annotated[str | None, AfterValidator(_currency)]


class CreateOpportunityConfig(ActionConfig):
    """A sale that may come about; `value` is in the currency's usual unit: 49.90 are £49.90."""

    name: Annotated[Text, Also("title", "opportunity_name")] = None
    pipeline: Annotated[Short, Also("pipeline_id")] = None
    stage: Annotated[Short, Also("stage_id")] = None
    value: Annotated[Amount, Also("amount", "monetary_value")] = None
    currency: Currency = None
    assigned_to: Annotated[Short, Also("user_id", "assignee")] = None


@action("create_opportunity", CreateOpportunityConfig)
def create_opportunity(config: CreateOpportunityConfig, ctx: ActionContext) -> Done:
    """Open a sale with the contact."""
    contact = ctx.contact()
    opportunity_id = str(ctx.key("opportunity"))
    if ctx.repository.get(ctx.org, "opportunity", opportunity_id) is None:
        fields = {
            "contact_id": ctx.contact_id,
            "name": config.name,
            "pipeline": config.pipeline,
            "stage": config.stage,
            "status": "open",
            "assigned_to": config.assigned_to or contact.get("assigned_to"),
            **_money(config.value, config.currency, ctx),
        }
        ctx.create("opportunity", opportunity_id, fields)
    return Done({"opportunity_id": opportunity_id})


class UpdateOpportunityConfig(ActionConfig):
    """Fields of an opportunity; without an id it is the contact's newest open one."""

    opportunity_id: Annotated[str | None, Also("id"), Field(max_length=100)] = None
    name: Annotated[Text, Also("title")] = None
    pipeline: Annotated[Short, Also("pipeline_id")] = None
    stage: Annotated[Short, Also("stage_id", "new_stage")] = None
    status: Literal["open", "won", "lost"] | None = None
    value: Annotated[Amount, Also("amount", "monetary_value")] = None
    currency: Currency = None
    assigned_to: Annotated[Short, Also("user_id", "assignee")] = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set - {"opportunity_id", "currency"}:
            raise ValueError("there is nothing to update; allowed: stage, status, value and so on")
        return self


@action("update_opportunity", UpdateOpportunityConfig)
def update_opportunity(config: UpdateOpportunityConfig, ctx: ActionContext) -> Done:
    """Change a sale: its stage, its value, how it ended."""
    found = _opportunity(config.opportunity_id, ctx)
    names = ("name", "pipeline", "stage", "status", "assigned_to")
    fields = {name: value for name in names if (value := getattr(config, name)) is not None}
    currency = config.currency or found.get("currency")
    fields |= _money(config.value, currency, ctx)
    upserted = ctx.change("opportunity", found, fields)
    return Done({"opportunity_id": str(found["id"]), "changed": sorted(upserted.changes)})


def _opportunity(opportunity_id: str | None, ctx: ActionContext) -> Mapping[str, Any]:
    if opportunity_id is None:
        ctx.contact()
        where = {"contact_id": ctx.contact_id, "status": "open"}
        open_ones = ctx.repository.find(ctx.org, "opportunity", where)
        if not open_ones:
            raise ValueError("the contact has no open opportunity")
        opportunity_id = str(open_ones[-1]["id"])
    found = ctx.repository.get(ctx.org, "opportunity", opportunity_id, lock=True)
    if found is None:
        raise ValueError(f"the organisation has no opportunity {opportunity_id!r}")
    return found


def _money(value: Decimal | None, currency: str | None, ctx: ActionContext) -> dict[str, Any]:
    """An amount as it is stored: in the currency's smallest unit."""
    if value is None:
        return {}
    code = currency or _currency_of(ctx)
    return {
        "value_minor": round(value.scaleb(get_currency_precision(code))),
        "currency": code,
    }


def _currency_of(ctx: ActionContext) -> str:
    """What the organisation's settings say, else its country's currency."""
    gym = ctx.repository.organisation(ctx.org) or {}
    chosen = (gym.get("settings") or {}).get("currency")
    if isinstance(chosen, str) and is_currency(chosen.upper()):
        return chosen.upper()
    country = str(gym.get("country") or "GB")
    known = country in get_global("territory_currencies")
    tender = get_territory_currencies(country, ctx.now.date(), ctx.now.date()) if known else []
    return str(tender[0]) if tender else "GBP"
