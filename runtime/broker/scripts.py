"""The Lua scripts: found by name, includes resolved, run by digest.

A script is a file ``lua/<verb>.lua``. A line ``-- @include a b`` is replaced by
``lua/lib/a.lua`` and ``lua/lib/b.lua``: Redis has no modules of its own.
"""

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_INCLUDE = re.compile(r"^-- @include (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script and the SHA-1 by which Redis knows it once it has run."""

    name: str
    text: str
    sha: str


@cache
def script(name: str) -> Script:
    """The script of that verb.

    Raises:
        FileNotFoundError: no such file; a programming error.
    """
    folder = files("runtime.broker") / "lua"

    def include(match: re.Match[str]) -> str:
        parts = match.group(1).split()
        return "\n".join((folder / "lib" / f"{part}.lua").read_text("utf-8") for part in parts)

    source = (folder / f"{name}.lua").read_text("utf-8")
    text = _INCLUDE.sub(include, source)
    return Script(name, text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())
