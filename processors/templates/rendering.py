"""Message templates: files beside this module, rendered in a sandbox, e-mail escaped."""

import html
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, cast

from jinja2 import (
    ChainableUndefined,
    FileSystemLoader,
    TemplateNotFound,
    Undefined,
    UndefinedError,
    pass_context,
)
from jinja2 import Template as JinjaTemplate
from jinja2 import TemplateError as JinjaError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from processors.errors import TemplateError
from processors.texts.interpolation import is_placeholder
from processors.texts.values import is_missing
from processors.texts.wording import UnwritableError, wording_of

_DIRECTORY = Path(__file__).parent / "files"
_MAX_CHARS = 200_000
_MAX_SUBJECT = 998  # RFC 5322, 2.1.1
_SUFFIX = {"email": ".html", "whatsapp": ".txt"}


@dataclass(frozen=True, slots=True)
class Rendered:
    """A rendered template; `subject` is the template's own, for e-mail.

    `is_trusted`: its HTML is a file of ours with values escaped, which needs no cleaning.
    """

    body: str
    subject: str
    is_html: bool = False
    is_trusted: bool = False


def template_names(channel: str) -> list[str]:
    """The built-in templates of a channel."""
    if channel not in _SUFFIX:
        return []
    files = _DIRECTORY.glob(f"*{_SUFFIX[channel]}")
    return sorted(file.stem for file in files if not file.stem.startswith("_"))


def template_source(channel: str, name: str) -> str:
    """The text of a built-in template that exists."""
    return (_DIRECTORY / f"{name}{_SUFFIX[channel]}").read_text(encoding="utf-8")


def render(channel: Literal["email", "whatsapp"], name: str, data: Mapping[str, Any]) -> Rendered:
    """Fill in a template; ``welcome_lead`` and ``welcome-lead`` are one name.

    Templates say what stands in the place of missing data. What they do not provide for, and what
    has no form that people read, fails them.

    Raises:
        TemplateError: no such template (with those that exist), or it fails with these data.
    """
    template = _template(channel, name)
    try:
        known = _readable(data, "")
        context = template.new_context(known)
        blocks = template.blocks
        subject = _joined(blocks["subject"](context), _MAX_SUBJECT) if "subject" in blocks else ""
        body = _joined(template.generate(known), _MAX_CHARS)
    except (JinjaError, TypeError, ValueError, ArithmeticError, RecursionError) as error:
        raise TemplateError(f"the template {name!r} cannot be rendered: {error}") from error
    # A subject is a header, not HTML: what the template escaped is text again.
    line = " ".join(html.unescape(subject).split())
    return Rendered(body.strip() + "\n", line, is_html=channel == "email", is_trusted=True)


def _template(channel: Literal["email", "whatsapp"], name: str) -> JinjaTemplate:
    slug = name.strip().lower().replace("_", "-").replace(" ", "-")
    # The name comes from a job: only these characters, so that it names no other file.
    if re.fullmatch(r"[a-z0-9][a-z0-9-]{0,99}", slug):
        try:
            return _environment(channel).get_template(slug + _SUFFIX[channel])
        except TemplateNotFound:
            pass
        except JinjaError as error:
            raise TemplateError(f"the template {name!r} is broken: {error}") from error
    allowed = ", ".join(template_names(channel))
    raise TemplateError(f"there is no {channel} template {name[:60]!r}; allowed: {allowed}")


def _joined(pieces: Iterable[str], limit: int) -> str:
    """The rendered text; stops as soon as it is too long."""
    found: list[str] = []
    length = 0
    for piece in pieces:
        length += len(piece)
        if length > limit:
            raise ValueError(f"it becomes longer than {limit} characters")
        found.append(piece)
    return "".join(found)


class _Object(dict[str, Any]):
    """An object within the data: its members are looked up, itself has no text."""

    def __init__(self, members: Mapping[str, Any], path: str) -> None:
        super().__init__(members)
        self.path = path


class _Unset(ChainableUndefined):
    """A variable without a value: false, and without a text."""

    def __str__(self) -> str:
        if self._undefined_hint is not None:
            self._fail_with_undefined_error()
        owner = f"{found.path}." if isinstance(found := self._undefined_obj, _Object) else ""
        raise UndefinedError(f"the variable '{owner}{self._undefined_name}' has no value")

    def __html__(self) -> str:
        return str(self)


def _readable(data: Mapping[str, Any], path: str) -> _Object:
    """The data without what counts as missing, so that templates see it as undefined."""
    members = {
        str(key): _member(value, f"{path}{key}")
        for key, value in data.items()
        if not is_missing(value)
    }
    return _Object(members, path.rstrip("."))


def _member(value: Any, path: str) -> Any:
    if isinstance(value, Mapping):
        return _readable(value, f"{path}.")
    if isinstance(value, list | tuple):
        return [_member(item, path) for item in value if not is_missing(item)]
    return value


@pass_context
def _written(context: Context, value: Any) -> Any:
    """Called by Jinja on whatever a template puts out."""
    if isinstance(value, Markup | Undefined):
        return value
    if isinstance(value, _Object):
        raise UnwritableError(f"the variable {value.path!r} is an object, not a text")
    if isinstance(value, str) and is_placeholder(value):
        raise ValueError("a variable holds an unfilled {{…}}")
    return wording_of(cast("Mapping[str, Any]", context)).write(value)


@cache
def _environment(channel: Literal["email", "whatsapp"]) -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(_DIRECTORY),
        autoescape=channel == "email",
        undefined=_Unset,
        finalize=_written,
        trim_blocks=True,
        lstrip_blocks=True,
    )
