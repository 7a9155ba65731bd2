"""A template from a file: plain text, HTML, or JSON with all fields."""

import json
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any

from processors.errors import TemplateError
from processors.templates.saving import NewTemplate
from processors.texts.interpolation import Variable

_FIELDS = ("name", "channel", "subject", "body", "is_html", "purpose", "variables")


def read_template(text: str, path: str, *, channel: str, given: Mapping[str, Any]) -> NewTemplate:
    """The template of a file.

    Args:
        text: the file's.
        path: its name decides: ``.json`` holds an object of fields, ``.html`` is HTML.
        channel: unless the file names one.
        given: fields that stand before the file's own; None is not given.

    Raises:
        TemplateError: the JSON is none, or holds a field that is not known or of the wrong type.
    """
    file = PurePath(path)
    fields: dict[str, Any] = {"name": file.stem, "channel": channel, "body": text}
    if file.suffix == ".json":
        fields = {"name": file.stem, "channel": channel} | _json(text)
    fields |= {name: value for name, value in given.items() if value is not None}
    is_html = fields.get("is_html", file.suffix in (".html", ".htm"))
    for name in ("name", "channel", "body", "subject", "purpose"):
        if not isinstance(fields.get(name, ""), str | None):
            raise TemplateError(f"the template's {name} must be a text")
    if not isinstance(is_html, bool):
        raise TemplateError("the template's is_html must be true or false")
    return NewTemplate(
        channel=fields["channel"],
        name=fields["name"],
        body=fields.get("body") or "",
        subject=fields.get("subject"),
        is_html=is_html,
        purpose=fields.get("purpose"),
        variables=_variables(fields.get("variables")),
    )


def _json(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise TemplateError(f"the template is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise TemplateError("the template is not a JSON object")
    if unknown := [str(name) for name in found if name not in _FIELDS]:
        raise TemplateError(
            f"unknown fields {', '.join(unknown)[:200]}; allowed: {', '.join(_FIELDS)}"
        )
    return found


def _variables(declared: Any) -> list[Variable] | None:
    """``["firstName", "offer=a free week"]``, or objects with ``name`` and ``default``."""
    if declared is None:
        return None
    if isinstance(declared, str) or not isinstance(declared, Iterable):
        raise TemplateError("the template's variables must be a list")
    return [_variable(each) for each in declared]


def _variable(each: Any) -> Variable:
    if isinstance(each, str):
        name, is_there, default = each.partition("=")
        return Variable(name.strip(), default if is_there else None)
    if isinstance(each, Mapping) and isinstance(each.get("name"), str):
        value = each.get("default")
        if isinstance(value, str | None):
            return Variable(each["name"], value)
    raise TemplateError(
        f"{str(each)[:60]!r} is no variable; allowed: a name, or an object with name and default"
    )
