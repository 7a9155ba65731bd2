"""The Lua scripts: found by name, includes resolved, run by digest.

A script is a file ``lua/<verb>.lua``. A line ``-- @include a b`` is replaced by ``lua/lib/a.lua``
and ``lua/lib/b.lua``: Redis has no modules of its own. Lua sees only what stands above, so the
first line of each part says what it needs (``-- needs: a b``, or ``nothing``), and a script that
includes it must have included those before.
"""

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

# Not by importlib.resources: it takes locks of the import system, and a process that forks while
# another thread holds one leaves its child waiting for ever.
_FOLDER = Path(__file__).parent / "lua"
_INCLUDE = re.compile(r"^-- @include (.+)$", re.MULTILINE)
_NEEDS = re.compile(r"-- needs: (.+)\n")


class IncludeError(Exception):
    """A script's includes are not in order; a programming error."""


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
        IncludeError: a part is included before one that it needs, or says nothing of its needs.
    """
    source = _read(f"{name}.lua")
    text = _INCLUDE.sub(lambda match: _parts(name, match.group(1).split()), source)
    return Script(name, text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


def needs_of(part: str, text: str) -> tuple[str, ...]:
    """The parts that a part's first line says it needs.

    Raises:
        IncludeError: its first line is another one.
    """
    header = _NEEDS.match(text)
    if header is None:
        raise IncludeError(f"lib/{part}.lua: the first line must be '-- needs: ...'")
    return () if header[1] == "nothing" else tuple(header[1].split())


def _parts(script_name: str, parts: list[str]) -> str:
    texts: list[str] = []
    for at, part in enumerate(parts):
        text = _read(f"lib/{part}.lua")
        if missing := [need for need in needs_of(part, text) if need not in parts[:at]]:
            raise IncludeError(f"{script_name}.lua: {part} needs {', '.join(missing)} before it")
        texts.append(text)
    return "\n".join(texts)


def _read(path: str) -> str:
    return (_FOLDER / path).read_text("utf-8")
