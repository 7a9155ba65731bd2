"""The keys that the scripts build are those of `runtime.broker.keys`, in both directions.

A key's shape is its name below the prefix, with a star for each value: `queue:*`.
"""

import inspect
import re
from pathlib import Path

import pytest

import runtime
from runtime.broker import scripts
from runtime.broker.keys import OF_SCRIPTS, Keys

LUA = sorted((Path(scripts.__file__).parent / "lua").rglob("*.lua"))
_PREFIX = r"(?:\bp|KEYS\[1\])"
_LOCAL = re.compile(rf"local (\w+) = {_PREFIX} \.\. ")
_LITERAL = re.compile(r"'([^']*)'")
_VALUE = re.compile(r"[\w.]*")
# RQ's registries that a script names by a variable.
_REGISTRIES = {f"{name}:*" for name in ("scheduled", "deferred", "failed", "finished", "canceled")}


def concatenated(text: str, at: int) -> str:
    """The shape of what is joined by `..` from `at` on: texts as they stand, a star for values."""
    shape = ""
    while (joint := re.compile(r"\s*\.\.\s*").match(text, at)) is not None:
        at = joint.end()
        if (literal := _LITERAL.match(text, at)) is not None:
            shape, at = shape + literal[1], literal.end()
            continue
        value = _VALUE.match(text, at)
        assert value is not None
        shape, at = shape + "*", after_brackets(text, value.end())
    return shape


def after_brackets(text: str, at: int) -> int:
    """Behind the calls and indices that follow a name."""
    while at < len(text) and text[at] in "([":
        depth = 0
        for end in range(at, len(text)):
            depth += (text[end] in "([") - (text[end] in ")]")
            if depth == 0:
                at = end + 1
                break
    return at


def normal(shape: str) -> str:
    """Without what only this or that script knows: how many values stand side by side."""
    shape = re.sub(r"\*(?:[|:]?\*)+", "*", shape.removeprefix(":"))
    return f"{shape}*" if shape.endswith(":") else shape


def shapes_of(text: str) -> set[str]:
    """Every key that a script builds, also by way of a local variable."""
    text = re.sub(r"--\[\[.*?\]\]|--[^\n]*", "", text, flags=re.DOTALL)
    found = {concatenated(text, match.end()) for match in re.finditer(_PREFIX, text)} - {""}
    for local in _LOCAL.finditer(text):
        start = concatenated(text, local.end() - len(" .. "))
        for use in re.finditer(rf"\b{local[1]}(?= \.\. ')", text):
            found.add(start + concatenated(text, use.end()))
    return {normal(shape) for shape in found}


def of_scripts() -> set[str]:
    shapes = set().union(*(shapes_of(path.read_text()) for path in LUA))
    return (shapes - {"*"}) | (_REGISTRIES if "*" in shapes else set())


def of_keys() -> dict[str, str]:
    """Shape of each key that `Keys` makes, by method."""
    made = {}
    for name, method in inspect.getmembers(Keys("P"), inspect.ismethod):
        values = ["*"] * len(inspect.signature(method).parameters)
        if not name.startswith("_"):
            made[name] = normal(method(*values).removeprefix("P"))
    return made


@pytest.mark.parametrize(
    ("code", "shapes"),
    [
        ("redis.call('DEL', p .. ':queue:' .. lane, x)", {"queue:*"}),
        ("f(p .. ':a:' .. queue_of(g(x), 'y') .. ':b')", {"a:*:b"}),
        ("p .. ':rl:' .. lane .. '|' .. org .. ':allowed'", {"rl:*:allowed"}),
        ("local k = p .. ':job:' .. id\nf(k .. ':dependents')", {"job:*", "job:*:dependents"}),
        ("p .. ':seen:' .. (floor(now / 2) - 1)", {"seen:*"}),
        ("-- p .. ':comment'", set()),
        ("KEYS[1] .. ':job:'", {"job:*"}),
    ],
)
def test_a_scripts_keys_are_seen(code: str, shapes: set[str]) -> None:
    assert shapes_of(code) == shapes


def test_the_scripts_build_no_key_that_keys_does_not_know() -> None:
    assert of_scripts() - set(of_keys().values()) - set(OF_SCRIPTS) == set()


def test_keys_knows_no_key_that_nobody_builds() -> None:
    sources = [p for p in Path(runtime.__file__).parent.rglob("*.py") if p.name != "keys.py"]
    python = "\n".join(path.read_text() for path in sources)
    built = of_scripts()
    unused = {
        name
        for name, shape in of_keys().items()
        if shape not in built and not re.search(rf"\.{name}\b", python)
    }
    assert unused == set()
    assert set(OF_SCRIPTS) - built == set()
    assert set(OF_SCRIPTS) & set(of_keys().values()) == set(), "said twice"
