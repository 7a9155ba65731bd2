"""Expressions over variables, in Jinja2's immutable sandbox, with a budget in place of trust.

Jinja's own documents say that the sandbox alone is no solution, so little is left to it. An
expression is parsed, and refused unless it is made of variables, constants, operators and the
filters of `processors.texts.filters`: no call, no attribute of an object, no loop, no power. Paths
are looked up before it runs. How much it computes is then bounded by its length and by a budget
that every value which goes in or comes out is weighed against: no time limit is needed, and none
could be kept within a thread.
"""

import operator as operators
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

from jinja2 import StrictUndefined, Undefined, nodes
from jinja2.environment import TemplateExpression
from jinja2.exceptions import TemplateError as JinjaError
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from processors.errors import DefinitionError, MissingValueError
from processors.texts.budget import Budget
from processors.texts.filters import EVALUATION, FILTERS, Evaluation, text_of
from processors.texts.paths import lookup_parts
from processors.texts.values import is_missing, number, same, shown
from processors.texts.wording import wording_of

MAX_LENGTH = 1_000
_MAX_NODES = 200
_MAX_DEPTH = 30
# More than any setting may become, and little enough to be handled in a moment.
_MAX_WEIGHT = 1_000_000
_MAX_NUMBER = 10**30
_PLAIN = (
    nodes.Add, nodes.And, nodes.CondExpr, nodes.Const, nodes.Dict, nodes.Div, nodes.Filter,
    nodes.FloorDiv, nodes.Keyword, nodes.List, nodes.Mod, nodes.Mul, nodes.Name, nodes.Neg,
    nodes.Not, nodes.Or, nodes.Pair, nodes.Pos, nodes.Sub, nodes.Test, nodes.Tuple,
)  # fmt: skip
_OF_CHAINS = (nodes.Const, nodes.Filter, nodes.Keyword, nodes.List, nodes.Name, nodes.Neg)
# ``default: "there"``, as Liquid and some of the CRM's generations write it.
_LIQUID = re.compile(r"^(\s*\w+\s*):\s*(\"[^\"]*\"|'[^']*'|-?\d+(?:\.\d+)?)\s*$")
_ORDERINGS: Mapping[str, Callable[[Any, Any], bool]] = {
    "lt": operators.lt, "lteq": operators.le, "gt": operators.gt, "gteq": operators.ge,
}  # fmt: skip
_ARITHMETIC: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": operators.add, "-": operators.sub, "*": operators.mul, "/": operators.truediv,
    "//": operators.floordiv, "%": operators.mod,
}  # fmt: skip
_TESTS: Mapping[str, Callable[..., bool]] = {
    "defined": lambda value: not isinstance(value, Undefined),
    "undefined": lambda value: isinstance(value, Undefined),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "string": lambda value: isinstance(value, str),
}


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression, and the paths that it looks up."""

    paths: tuple[tuple[str, ...], ...]
    run: TemplateExpression

    def of(self, values: list[Any], scope: Mapping[str, Any]) -> Any:
        """Its value for those of its paths.

        Raises:
            MissingValueError: a path has no value, and no default stands beside it.
            DefinitionError: it cannot be computed, with the values; or it becomes too large.
        """
        budget = Budget(_MAX_WEIGHT, "characters")
        token = EVALUATION.set(Evaluation(budget, wording_of(scope)))
        try:
            given = {
                _name(index): _given(path, budget.weigh(value))
                for index, (path, value) in enumerate(zip(self.paths, values, strict=True))
            }
            return _weighed(_known(self.run(**given)))
        except (ArithmeticError, AttributeError, JinjaError, LookupError, TypeError, ValueError,
                RecursionError) as error:  # fmt: skip
            raise DefinitionError(f"the expression cannot be computed: {error}"[:300]) from None
        finally:
            EVALUATION.reset(token)


@dataclass(frozen=True, slots=True)
class Chain:
    """One path and the filters after it."""

    path: str
    expression: Expression

    def of(self, value: Any, scope: Mapping[str, Any]) -> Any:
        """The value after the filters; raises as `Expression.of`."""
        named = Expression(((self.path,),), self.expression.run)
        return named.of([value], scope)


def evaluate(text: str, scope: Mapping[str, Any]) -> Any:
    """The value of an expression.

    Args:
        text: such as ``contact.score * 2`` or ``trigger.items | map("name") | join(", ")``; may
            stand in double braces.
        scope: what may be looked up.

    Raises:
        MissingValueError: a variable has no value and no default.
        DefinitionError: it is no expression, cannot be computed, or becomes too large.
    """
    expression = compiled(text)
    values = [lookup_parts(scope, path) for path in expression.paths]
    return expression.of(values, scope)


def compiled(text: str) -> Expression:
    """An expression, checked.

    Raises:
        DefinitionError: it is none, or uses what is not allowed.
    """
    stripped = text.strip()
    if stripped.startswith("{{") and stripped.endswith("}}"):
        stripped = stripped[2:-2].strip()
    return _compiled(stripped, is_chain=False)


def chain(path: str, filters: str) -> Chain:
    """A path with filters, whose arguments are constants.

    Raises:
        DefinitionError: it is none; with what is allowed.
    """
    parts = [_LIQUID.sub(r"\1(\2)", part) for part in filters.split("|")]
    return Chain(path, _compiled("value|" + "|".join(parts), is_chain=True))


@lru_cache(maxsize=2_048)
def _compiled(text: str, *, is_chain: bool) -> Expression:
    if len(text) > MAX_LENGTH:
        raise DefinitionError(f"an expression longer than {MAX_LENGTH} characters")
    try:
        parser = Parser(_ENVIRONMENT, text, state="variable")
        tree = parser.parse_expression()
        if not parser.stream.eos:
            raise DefinitionError(f"{shown(text)} is no expression")
        tree, paths = _checked(tree, _OF_CHAINS if is_chain else _PLAIN)
        if is_chain and paths != [("value",)]:
            raise DefinitionError("the values that filters take must be written out")
        tree.set_environment(_ENVIRONMENT)
        body: list[nodes.Node] = [nodes.Assign(nodes.Name("result", "store"), tree, lineno=1)]
        template = _ENVIRONMENT.from_string(nodes.Template(body, lineno=1))
    except JinjaError as error:
        raise DefinitionError(f"{shown(text)} is no expression: {error.message}"[:300]) from None
    except RecursionError:
        raise DefinitionError(f"an expression nested deeper than {_MAX_DEPTH}") from None
    run = TemplateExpression(template, undefined_to_none=False)
    return Expression(tuple(paths), run)


def _checked(
    tree: nodes.Expr, allowed: tuple[type[nodes.Node], ...]
) -> tuple[nodes.Expr, list[tuple[str, ...]]]:
    """The tree with a name for each path, once all of it is known to be allowed."""
    _bounded(tree)
    paths: list[tuple[str, ...]] = []

    def convert(node: Any) -> Any:
        if isinstance(node, nodes.Name | nodes.Getattr | nodes.Getitem):
            path = tuple(reversed(list(_path(node))))
            if path not in paths:
                paths.append(path)
            return nodes.Name(_name(paths.index(path)), "load", lineno=1)
        for name, value in node.iter_fields():
            if isinstance(value, list):
                setattr(node, name, [convert(v) if isinstance(v, nodes.Node) else v for v in value])
            elif isinstance(value, nodes.Node):
                setattr(node, name, convert(value))
        return _rewritten(node, allowed)

    return convert(tree), paths


def _bounded(tree: nodes.Node) -> None:
    waiting = [(tree, 1)]
    count = 0
    while waiting:
        node, depth = waiting.pop()
        count += 1
        if depth > _MAX_DEPTH or count > _MAX_NODES:
            raise DefinitionError(
                f"an expression nested deeper than {_MAX_DEPTH} or of more than {_MAX_NODES} parts"
            )
        waiting += [(child, depth + 1) for child in node.iter_child_nodes()]


def _path(node: nodes.Node) -> Iterator[str]:
    """The names of a path, the last one first."""
    while not isinstance(node, nodes.Name):
        if isinstance(node, nodes.Getattr):
            yield node.attr
        elif (
            isinstance(node, nodes.Getitem)
            and isinstance(node.arg, nodes.Const)
            and isinstance(node.arg.value, int | str)
        ):
            yield str(node.arg.value)
        else:
            raise DefinitionError("only a variable has parts; allowed: a.b and a[0]")
        node = node.node
    yield node.name


def _rewritten(node: nodes.Node, allowed: tuple[type[nodes.Node], ...]) -> nodes.Node:
    """The node if it is allowed; what Jinja does not let us watch becomes a filter of ours."""
    if isinstance(node, nodes.Compare) and allowed is _PLAIN:
        return _comparison(node)
    if isinstance(node, nodes.Concat) and allowed is _PLAIN:
        return _filter(nodes.List(node.nodes, lineno=1), "~")
    if isinstance(node, nodes.Operand) and allowed is _PLAIN:
        return node
    if not isinstance(node, allowed):
        raise DefinitionError(f"{type(node).__name__.lower()} is not allowed in an expression")
    if isinstance(node, nodes.Const) and _is_number(node.value):
        _require_small(node.value)
    if isinstance(node, nodes.Filter):
        if node.name not in FILTERS:
            names = ", ".join(sorted(FILTERS))
            raise DefinitionError(f"there is no filter {node.name[:40]!r}; allowed: {names}")
    elif isinstance(node, nodes.Test) and node.name not in _TESTS:
        names = ", ".join(sorted(_TESTS))
        raise DefinitionError(f"there is no test {node.name[:40]!r}; allowed: {names}")
    return node


def _comparison(node: nodes.Compare) -> nodes.Expr:
    """``a < b < c`` as ``a < b and b < c``, each by the domain's own reading of values."""
    found: nodes.Expr | None = None
    left = node.expr
    for operand in node.ops:
        pair = _filter(left, "compare", nodes.Const(operand.op, lineno=1), operand.expr)
        found = pair if found is None else nodes.And(found, pair, lineno=1)
        left = operand.expr
    return cast("nodes.Expr", found)


def _filter(node: nodes.Expr, name: str, *args: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(node, name, list(args), [], None, None, lineno=1)


def _compare(left: Any, operator: str, right: Any) -> bool:
    left, right = _known(left), _known(right)
    match operator:
        case "eq":
            return same(left, right)
        case "ne":
            return not same(left, right)
        case "in" | "notin":
            if isinstance(right, str):
                is_in = text_of(left) in right
            elif isinstance(right, list | tuple):
                is_in = any(same(left, item) for item in right)
            else:
                raise DefinitionError(f"{shown(right)} is no list and no text")
            return is_in is (operator == "in")
    first, second = number(left), number(right)
    if first is None or second is None:
        if not (isinstance(left, str) and isinstance(right, str)):
            raise DefinitionError(f"{shown(left)} and {shown(right)} cannot be ordered")
        return _ORDERINGS[operator](left, right)
    return _ORDERINGS[operator](first, second)


def _known(value: Any) -> Any:
    """The value; one that is missing says which variable has none."""
    if isinstance(value, Undefined):
        value._fail_with_undefined_error()
    return value


class _Environment(ImmutableSandboxedEnvironment):
    """Computes with numbers only, and within the budget."""

    intercepted_binops = frozenset(_ARITHMETIC)
    intercepted_unops = frozenset({"-", "+"})

    def call_binop(self, _context: Context, operator: str, left: Any, right: Any) -> Any:
        """Add, subtract and so on; texts may be added, everything else must be numbers."""
        left, right = _known(left), _known(right)
        is_text = operator == "+" and isinstance(left, str) and isinstance(right, str)
        if not is_text and not (_is_number(left) and _is_number(right)):
            raise DefinitionError(
                f"{shown(left)} {operator} {shown(right)} needs two numbers; "
                "a text becomes one by | int or | float"
            )
        if operator in ("/", "//", "%") and right == 0:
            raise DefinitionError(f"{shown(left)} cannot be divided by 0")
        return _weighed(_ARITHMETIC[operator](left, right))

    def call_unop(self, _context: Context, operator: str, arg: Any) -> Any:
        """A sign."""
        if not _is_number(_known(arg)):
            raise DefinitionError(f"{operator}{shown(arg)} needs a number")
        return -arg if operator == "-" else arg


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _weighed(value: Any) -> Any:
    if _is_number(value):
        _require_small(value)
    return EVALUATION.get().budget.weigh(value)


def _require_small(value: float) -> None:
    if not abs(value) <= _MAX_NUMBER:
        raise DefinitionError("a number becomes larger than 10^30")


def _weighing(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **kwargs: _weighed(function(*args, **kwargs))


def _given(path: tuple[str, ...], value: Any) -> Any:
    """A value as the expression sees it; what is missing says its name once it is used."""
    if isinstance(value, list | tuple | Mapping) or not is_missing(value):
        return value
    named = ".".join(path)[:80]
    return StrictUndefined(
        hint=f"the variable {{{{{named}}}}} has no value",
        name=named,
        exc=cast("Any", MissingValueError),
    )


def _name(index: int) -> str:
    return f"v{index}"


_ENVIRONMENT = _Environment(cache_size=0, optimized=False)
_ENVIRONMENT.globals.clear()
_ENVIRONMENT.filters = {name: _weighing(function) for name, function in FILTERS.items()} | {
    "compare": _compare,
    "~": _weighing(lambda parts: "".join(text_of(part) for part in parts)),
}
_ENVIRONMENT.tests = dict(_TESTS)
