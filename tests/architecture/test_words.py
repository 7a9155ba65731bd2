"""One word, one idea: words that gave way to others stand neither in the source nor on a page.

`docs/glossary.md` has the words that we use. Decisions are left out: they say what was.
"""

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# The word, and what we say instead.
BANNED = {
    "from afar": "remotely",
    "turns between": "fair scheduling between",
    "wrong marks": "jobs in a wrong state",
    "leases with fences": "leases with fencing tokens",
    "NEEDS YOU": "ATTENTION",
    "makes it quiet": "drains it",
    "unquiet": "resume",
    "disown": "release, or reap for a dead worker",
    "mend": "repair",
    "steer": "control",
    "govern": "control",
    "give back": "release",
    "gives back": "releases",
    "given back": "released",
    "let go": "release",
    "one a process": "one for each process",
    "recurrence": "recurring",
}


@cache
def texts() -> dict[str, str]:
    """Every source and page, without line breaks within a sentence."""
    found = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
    for package in ("runtime", "processors", "tui"):
        found += [p for p in (ROOT / package).rglob("*") if p.suffix in {".py", ".lua", ".tcss"}]
    return {
        str(path.relative_to(ROOT)): re.sub(r"\s+(?:#|--)?\s*", " ", path.read_text("utf-8"))
        for path in found
    }


def stands_in(word: str) -> list[str]:
    """The files with that word, also as part of a name."""
    pattern = re.compile(rf"(?<![a-z]){re.escape(word)}(?![a-z])", re.IGNORECASE)
    return [name for name, text in sorted(texts().items()) if pattern.search(text)]


@pytest.mark.parametrize("word", BANNED)
def test_a_word_that_gave_way_stands_nowhere(word: str):
    assert stands_in(word) == [], f"say {BANNED[word]!r}"


def test_a_word_that_stands_somewhere_is_seen(monkeypatch: pytest.MonkeyPatch):
    texts_with = {"a.py": "def _unquiet(): ...", "b.md": "It is quiet, unquietly."}
    monkeypatch.setattr(f"{__name__}.texts", lambda: texts_with)
    assert stands_in("unquiet") == ["a.py"]
