"""The variables that texts use: those that nothing defines are problems, misspellings too.

What an event brings, and a contact's own fields, cannot be known from a definition. So a name is
refused only where its beginning says who must define it: ``variables.``, ``steps.``, ``loop.``, a
node's id, or a near miss of one of the names that always exist.
"""

import difflib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from processors.naming import snake_case
from processors.texts.interpolation import malformed
from processors.workflow.definition.branches import reachable
from processors.workflow.definition.fields import texts_in
from processors.workflow.definition.problems import Findings
from processors.workflow.definition.shape import outgoing_of
from processors.workflow.nodes import ActionSettings, Edge, LoopSettings, Node

# What `processors.crm.scope` always holds.
_ROOTS = ("lead", "contact", "customer", "organisation", "organization", "workflow", "trigger",
          "variables", "steps", "loop")  # fmt: skip
_OF_WORKFLOW = frozenset({"id", "name"})
_OF_LOOP = frozenset({"item", "index", "total", "is_first", "is_last"})
_EXPRESSION = re.compile(r"\{\{\s*([^{}|]+?)\s*(?:\|[^{}]*)?\}\}")
_STEP = re.compile(r"[^.\[\]]+")
_CLOSE = 0.8


def check_variables(
    nodes: Mapping[str, Node],
    edges: Sequence[Edge],
    bodies: Mapping[str, frozenset[str]],
    declared: frozenset[str],
    findings: Findings,
) -> None:
    """Note each variable that can never be filled in."""
    known = declared | _set_by_steps(nodes)
    outgoing = outgoing_of(edges)

    @cache
    def after(node_id: str) -> frozenset[str]:
        return frozenset(reachable(node_id, outgoing) - {node_id})

    for node in nodes.values():
        settings = node.settings.model_dump(exclude_unset=True)
        settings = settings.get("config", settings) if node.type == "action" else settings
        around = [loop for loop, body in bodies.items() if node.id in body or node.id == loop]
        loops = [s for loop in around if isinstance(s := nodes[loop].settings, LoopSettings)]
        names = _Names(nodes, after, known, loops)
        for path, text in texts_in(settings):
            for message in malformed(text):
                findings.refuse(node.id, f"{path}: {message}")
            for name in _names_in(text):
                if problem := names.problem(name, node.id):
                    findings.refuse(node.id, f"{path}: {problem}")


def read_variables(raw: Any, findings: Findings) -> tuple[frozenset[str], dict[str, Any]]:
    """The names of the declared variables, and the values of those that have a default.

    One without a default is left out of the values: its name may be that of something else, such
    as ``gym_name``, which the organisation brings.
    """
    names: list[str] = []
    values: dict[str, Any] = {}
    for number, entry in enumerate(raw if isinstance(raw, list) else []):
        fields = entry if isinstance(entry, Mapping) else {"name": entry}
        name = fields.get("name")
        if not isinstance(name, str) or not name:
            findings.refuse("", f"variables[{number}] has no name")
            continue
        names.append(name)
        default = fields.get("defaultValue", fields.get("default"))
        if default is not None:
            values[name] = default
    return frozenset(names), values


def _names_in(text: str) -> Iterator[tuple[str, ...]]:
    for match in _EXPRESSION.finditer(text):
        if steps := _STEP.findall(match[1]):
            yield tuple(steps)


def _set_by_steps(nodes: Mapping[str, Node]) -> set[str]:
    """The variables that actions set: ``set_variable``, and what keeps its result under a name."""
    found: set[str] = set()
    for node in nodes.values():
        if not isinstance(node.settings, ActionSettings):
            continue
        config = node.settings.config
        for key in ("variable", "name", "outputVariable", "output_variable", "resultVariable"):
            if isinstance(name := config.get(key), str):
                found.add(name)
        values = config.get("variables")
        found |= set(values) if isinstance(values, Mapping) else set()
    return found


class _Names:
    """The names that one node may use."""

    def __init__(
        self,
        nodes: Mapping[str, Node],
        after: Callable[[str], frozenset[str]],
        declared: frozenset[str],
        loops: Sequence[LoopSettings],
    ) -> None:
        self._nodes = nodes
        self._after = after
        self._declared = declared
        self._loops = loops

    def problem(self, name: tuple[str, ...], node_id: str) -> str | None:
        """Why a variable can have no value in this node; None if it can."""
        message = self._message(name[0], name[1] if len(name) > 1 else "", node_id)
        return f"{{{{{'.'.join(name)[:80]}}}}}: {message}" if message else None

    def _message(self, root: str, head: str, node_id: str) -> str | None:
        if root == "loop":
            return self._of_loop(head)
        if not head or self._is_item(root):
            return None
        if root == "variables" and not self._is_declared(head):
            declared = ", ".join(sorted(self._declared))[:200] or "none"
            return f"nothing defines the variable {head[:40]}; declared: {declared}"
        if root == "workflow" and snake_case(head) not in _OF_WORKFLOW:
            return "a workflow has an id and a name"
        if root == "steps" or root in self._nodes:
            return self._of_step(head if root == "steps" else root, node_id)
        near = difflib.get_close_matches(root, _ROOTS, n=1, cutoff=_CLOSE)
        is_misspelt = root not in _ROOTS and near and not self._is_declared(root)
        return f"did you mean {near[0]}?" if is_misspelt else None

    def _is_declared(self, name: str) -> bool:
        return any(snake_case(name) == snake_case(known) for known in self._declared)

    def _is_item(self, name: str) -> bool:
        return any(name in (loop.item, loop.index) for loop in self._loops)

    def _of_step(self, step: str, node_id: str) -> str | None:
        if step not in self._nodes:
            return f"there is no node {step[:60]!r}"
        if self._nodes[step].type == "loop":
            return "a loop's item is {{loop.item}}"
        if node_id not in self._after(step):
            return f"the node {step[:60]!r} does not come before this one"
        return None

    def _of_loop(self, head: str) -> str | None:
        if not self._loops:
            return "this node is in no loop"
        if head and snake_case(head) not in _OF_LOOP:
            return f"a loop has {', '.join(sorted(_OF_LOOP))}"
        return None
