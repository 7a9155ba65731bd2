"""What parts of scripts say they need is what they use, and stands before them."""

import re
from pathlib import Path

import pytest

from runtime.broker import scripts

FOLDER = Path(scripts.__file__).parent / "lua"
PARTS = {path.stem: path.read_text() for path in (FOLDER / "lib").glob("*.lua")}
VERBS = {path.stem: path.read_text() for path in FOLDER.glob("*.lua")}
_NAME = r"[A-Za-z_]\w*"


def code(text: str) -> str:
    """Lua without comments and texts."""
    text = re.sub(r"--\[\[.*?\]\]|--[^\n]*", "", text, flags=re.DOTALL)
    return re.sub(r"'(?:\\.|[^'\\])*'", "''", text)


def defined(text: str) -> set[str]:
    """Names that a file gives to those after it."""
    found = re.findall(rf"^local (?:function )?({_NAME}(?:, {_NAME})*)", code(text), re.MULTILINE)
    return {name for names in found for name in names.split(", ")}


def own(text: str) -> set[str]:
    """Names of a function's own: its parameters and locals, which may hide another file's."""
    lua = code(text)
    names = re.findall(r"function[\w ]*\(([^)]*)\)", lua)
    names += re.findall(rf"^ +local ({_NAME}(?:, {_NAME})*) *(?:=|$)", lua, re.MULTILINE)
    names += re.findall(rf"\bfor ({_NAME}(?:, {_NAME})*) (?:in|=)", lua)
    return {name.strip() for several in names for name in several.split(",")}


def used(text: str) -> set[str]:
    """Parts whose names a file uses."""
    names = set(re.findall(rf"(?<![\w.:])({_NAME})", code(text))) - defined(text)
    names -= own(text) - {"p"}  # the key prefix, which is also handed on under its own name
    return {part for part, lua in PARTS.items() if names & defined(lua)}


@pytest.mark.parametrize("part", PARTS)
def test_a_part_needs_what_it_uses(part: str) -> None:
    assert set(scripts.needs_of(part, PARTS[part])) == used(PARTS[part]) - {part}


@pytest.mark.parametrize("verb", VERBS)
def test_a_script_includes_what_it_uses_and_nothing_else(verb: str) -> None:
    included = re.findall(r"^-- @include (.+)$", VERBS[verb], re.MULTILINE)[0].split()
    needed = {need for part in included for need in scripts.needs_of(part, PARTS[part])}
    assert used(VERBS[verb]) <= set(included), "what it uses"
    assert set(included) <= used(VERBS[verb]) | needed, "nothing else"
    assert included[0] == "guard"
    assert scripts.script(verb).text.count("-- needs:") == len(included)


def test_no_two_parts_give_the_same_name() -> None:
    names = [name for text in PARTS.values() for name in defined(text)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("first", "parts", "error"),
    [
        ("-- needs: a", ["b", "a"], "v.lua: b needs a before it"),
        ("-- needs: a", ["b"], "v.lua: b needs a before it"),
        ("-- no word of it", ["a", "b"], "lib/b.lua: the first line must be '-- needs: ...'"),
    ],
)
def test_includes_out_of_order_are_refused(
    monkeypatch: pytest.MonkeyPatch, first: str, parts: list[str], error: str
) -> None:
    lua = {
        "lib/a.lua": "-- needs: nothing\n",
        "lib/b.lua": f"{first}\n",
        "v.lua": f"-- @include {' '.join(parts)}\n",
    }
    monkeypatch.setattr(scripts, "_read", lua.__getitem__)
    with pytest.raises(scripts.IncludeError, match=re.escape(error)):
        scripts.script.__wrapped__("v")
