"""Message templates: files beside this module, rendered in a sandbox, e-mail escaped."""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from jinja2 import ChainableUndefined, FileSystemLoader, TemplateNotFound
from jinja2 import Template as JinjaTemplate
from jinja2 import TemplateError as JinjaError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from processors.errors import TemplateError

_DIRECTORY = Path(__file__).parent / "files"
_MAX_CHARS = 200_000
_SUFFIX = {"email": ".html", "whatsapp": ".txt"}


@dataclass(frozen=True, slots=True)
class Rendered:
    """A rendered template; `subject` is the template's own, for e-mail."""

    body: str
    subject: str


def template_names(channel: Literal["email", "whatsapp"]) -> list[str]:
    """The templates that exist for a channel."""
    files = _DIRECTORY.glob(f"*{_SUFFIX[channel]}")
    return sorted(file.stem for file in files if not file.stem.startswith("_"))


def render(channel: Literal["email", "whatsapp"], name: str, data: Mapping[str, Any]) -> Rendered:
    """Fill in a template; ``welcome_lead`` and ``welcome-lead`` are one name.

    Missing data render as nothing; templates say what stands there instead.

    Raises:
        TemplateError: no such template (with those that exist), or it fails with these data.
    """
    template = _template(channel, name)
    try:
        context = template.new_context(dict(data))
        subject = (
            "".join(template.blocks["subject"](context)) if "subject" in template.blocks else ""
        )
        body = template.render(dict(data))
    except (JinjaError, TypeError, ValueError, ArithmeticError) as error:
        raise TemplateError(f"the template {name!r} cannot be rendered: {error}") from error
    if len(body) > _MAX_CHARS:
        raise TemplateError(f"the template {name!r} renders to more than {_MAX_CHARS} characters")
    # A subject is a header, not HTML: what the template escaped is text again.
    return Rendered(body.strip() + "\n", " ".join(html.unescape(subject).split()))


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


@cache
def _environment(channel: Literal["email", "whatsapp"]) -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(_DIRECTORY),
        autoescape=channel == "email",
        undefined=ChainableUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
