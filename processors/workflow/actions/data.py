"""The action that computes: transform_data, by expressions in the sandbox."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from processors.errors import DefinitionError
from processors.texts.expressions import compiled, evaluate
from processors.workflow.actions.config import ActionConfig, Also, Filled
from processors.workflow.actions.context import ActionContext
from processors.workflow.actions.flow import VARIABLE
from processors.workflow.actions.outcomes import Done
from processors.workflow.actions.registry import action


def _checked(text: str) -> str:
    try:
        compiled(text)
    except DefinitionError as error:
        raise ValueError(str(error)) from None
    return text


def _named(value: Any) -> Any:
    """``[{"name": …, "expression": …}]``, as the builder's form writes it, as an object."""
    if not isinstance(value, list | tuple):
        return value
    named = [entry for entry in value if isinstance(entry, Mapping)]
    if len(named) < len(value) or not all(
        "name" in entry and "expression" in entry for entry in named
    ):
        raise ValueError("each entry needs a name and an expression")
    return {str(entry["name"]): entry["expression"] for entry in named}


Name = Annotated[str, Field(pattern=VARIABLE)]
Expression = Annotated[str, AfterValidator(_checked)]


class TransformDataConfig(ActionConfig):
    """One `expression`, stored as the variable `name`, or several as `values`.

    Each may use the results of those before it.
    """

    expression: Annotated[Expression | None, Also("formula", "code"), Filled.RAW] = None
    name: Annotated[Name | None, Also("output", "output_variable", "variable")] = None
    values: Annotated[
        Mapping[Name, Expression],
        BeforeValidator(_named),
        Also("expressions", "transformations", "mapping"),
        Filled.RAW,
        Field(max_length=100),
    ] = {}

    @model_validator(mode="after")
    def _something(self) -> Self:
        if (self.expression is None) is not bool(self.values):
            raise ValueError(
                "there is nothing to compute; allowed: expression with name, or values"
            )
        return self


@action("transform_data", TransformDataConfig, aliases=("transform", "formula"))
def transform_data(config: TransformDataConfig, ctx: ActionContext) -> Done:
    """Compute values and set them as variables of the execution."""
    if config.expression is not None:
        found = evaluate(config.expression, ctx.scope)
        named = {config.name: found} if config.name is not None else {}
        return Done({"result": found}, named)
    results: dict[str, Any] = {}
    for name, expression in config.values.items():
        try:
            results[name] = evaluate(expression, {**ctx.scope, **results})
        except DefinitionError as error:
            raise DefinitionError(f"{name}: {error}") from None
    return Done(results, results)
