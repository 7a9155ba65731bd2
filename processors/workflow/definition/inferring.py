"""What a definition without action names must mean, by its settings; labels are never guessed from.

A user asks for it and sees the change before it is saved. Whatever fits two actions or none stays
as it is, and is refused as such.
"""

import copy
import difflib
import json
from collections.abc import Mapping
from typing import Any

from processors.workflow.definition.fields import word_of
from processors.workflow.definition.starting import NAMES
from processors.workflow.definition.stored import TYPE_SYNONYMS
from processors.workflow.definition.waits import OF_DURATION

_TEMPLATES = ("templateId", "template_id", "template", "templateName")


def infer(
    raw: Mapping[str, Any], *, trigger: str | None = None, actions: bool = True
) -> dict[str, Any]:
    """A copy of a definition with the actions that its settings tell.

    ``templateId`` is send_email, ``message`` send_sms, ``operation`` with ``value`` update_score, a
    list ``tasks`` one create_task each.

    Args:
        raw: as the builder exports it.
        trigger: the event that starts it, for a definition that names none.
        actions: False leaves them as they are, and adds the event alone.
    """
    found: dict[str, Any] = copy.deepcopy(dict(raw))
    nodes = found.get("nodes")
    nodes = nodes if isinstance(nodes, list) else []
    if trigger is not None and not _names_event(found, nodes):
        found["trigger_type"] = trigger
    for node in list(nodes) if actions else ():
        if _is_nameless_action(node):
            _name(node, found)
    return found


def difference(before: Mapping[str, Any], after: Mapping[str, Any], *, name: str) -> list[str]:
    """What was changed, as the lines of a unified diff."""
    old, new = (
        json.dumps(each, indent=2, ensure_ascii=False, default=str).splitlines()
        for each in (before, after)
    )
    return list(difflib.unified_diff(old, new, name, f"{name} (inferred)", lineterm="", n=2))


def _names_event(definition: Mapping[str, Any], nodes: list[Any]) -> bool:
    triggers = [node for node in nodes if isinstance(node, dict) and node.get("type") == "trigger"]
    data = [node["data"] for node in triggers if isinstance(node.get("data"), dict)]
    configs = [each["config"] for each in data if isinstance(each.get("config"), dict)]
    return bool(definition.get("trigger_type")) or any(
        each.get(key) for each in (*data, *configs) for key in NAMES
    )


def _is_nameless_action(node: Any) -> bool:
    if not isinstance(node, dict) or not isinstance(node.get("data"), dict):
        return False
    word = word_of(node.get("type")) if isinstance(node.get("type"), str) else ""
    data = node["data"]
    config = data.get("config") if isinstance(data.get("config"), dict) else {}
    named = any(where.get(key) for where in (data, config) for key in ("actionType", "action_type"))
    return TYPE_SYNONYMS.get(word, word) == "action" and not named


def _name(node: dict[str, Any], definition: dict[str, Any]) -> None:
    data = node["data"]
    config = data["config"] if isinstance(data.get("config"), dict) else data
    actions = [
        name
        for name, fits in (
            ("send_email", any(config.get(key) for key in _TEMPLATES)),
            ("send_sms", isinstance(config.get("message"), str)),
            ("update_score", "operation" in config and "value" in config),
            ("create_task", _is_list_of_tasks(config.get("tasks"))),
        )
        if fits
    ]
    if len(actions) != 1 or any(key in config for key in OF_DURATION if key != "value"):
        return
    data["actionType"] = actions[0]
    if actions[0] == "create_task":
        _part(node, config, definition)


def _is_list_of_tasks(tasks: Any) -> bool:
    return isinstance(tasks, list) and bool(tasks) and all(isinstance(t, dict) for t in tasks)


def _part(node: dict[str, Any], config: dict[str, Any], definition: dict[str, Any]) -> None:
    """One node for each task of a list, one after the other; the first keeps the id."""
    first, *others = config.pop("tasks")
    shared = dict(config)
    config.update(first)
    nodes, edges = definition["nodes"], definition.get("edges")
    if not others or not isinstance(edges, list):
        return
    taken = {str(other.get("id")) for other in nodes if isinstance(other, dict)}
    at, last = nodes.index(node) + 1, str(node["id"])
    for number, task in enumerate(others, 2):
        new_id = f"{node['id']}_{number}"
        while new_id in taken:
            new_id += "_"
        taken.add(new_id)
        data = {"label": node["data"].get("label", ""), "actionType": "create_task"}
        nodes.insert(at, {**node, "id": new_id, "data": {**data, "config": shared | task}})
        at += 1
        if last == str(node["id"]):
            for edge in edges:
                if isinstance(edge, dict) and str(edge.get("source")) == last:
                    edge["source"] = f"{node['id']}_{len(others) + 1}"
        edges.append({"id": f"{last}-{new_id}", "source": last, "target": new_id})
        last = new_id
