"""The text of an HTML body, read in one pass: no input makes it scan a character twice."""

import html
import re

_BLOCKS = frozenset({"p", "div", "br", "li", "tr", "h1", "h2", "h3", "table", "title"})
_HIDDEN = frozenset({"style", "script", "head"})
# Elements whose content is text up to their own end tag, whatever it looks like (HTML 13.2.5.2).
_RAW = {name: re.compile(f"(?i)</{name}") for name in ("script", "style")}
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9:-]{0,40})")
# A quote opens a value only after an equals sign: "it's" is text.
_TAG_END = re.compile(r"=\s{0,20}(?:\"[^\"]*\"|'[^']*')|>")
_HREF = re.compile(r"(?i)\shref\s{0,20}=\s{0,20}(?:\"([^\"]*)\"|'([^']*)'|([^\s>\"']+))")
# Bounded, so that an entity of a million digits is text and no number.
_COMMENT_END = re.compile(r"--!?>")
_GREATER = re.compile(">")
_LESS = re.compile("<")
_ENTITY = re.compile(
    r"&(?:#[0-9]{1,7}(?![0-9])|#[xX][0-9A-Fa-f]{1,6}(?![0-9A-Fa-f])|[A-Za-z][A-Za-z0-9]{1,31});?"
)


def html_to_text(body: str) -> str:
    """The plain-text alternative of an HTML body: its text, a line a block, links before theirs.

    Comments, scripts, styles and the head are left out. What a browser would read to the end of
    the file (a comment or a tag that is not closed) ends the text.
    """
    reader = _Reader(body)
    while reader.step():
        pass
    lines = (" ".join(line.split()) for line in "".join(reader.parts).splitlines())
    return "\n".join(line for line in lines if line) + "\n"


def search(pattern: re.Pattern[str], text: str, start: int) -> re.Match[str] | None:
    """All looking ahead goes through here: a test counts what is looked at."""
    return pattern.search(text, start)


class _Reader:
    def __init__(self, body: str) -> None:
        self.parts: list[str] = []
        self._body = body
        self._at = 0
        self._hidden = 0

    def step(self) -> bool:
        """Read up to the next tag and over it; False at the end."""
        body, at = self._body, self._at
        opening = search(_LESS, body, at)
        if opening is None:
            self._text(body[at:])
            return False
        start = opening.start()
        self._text(body[at:start])
        if body.startswith("<!--", start):
            # "<!-->" is a whole comment.
            return self._skip_to(_COMMENT_END, start + 2)
        if body.startswith(("<!", "<?"), start):
            return self._skip_to(_GREATER, start + 2)
        tag = _TAG.match(body, start)
        if tag is None:
            self._text("<")
            self._at = start + 1
            return True
        return self._tag(tag)

    def _tag(self, tag: re.Match[str]) -> bool:
        at = tag.end()
        while (found := search(_TAG_END, self._body, at)) is not None and found[0] != ">":
            at = found.end()
        if found is None:
            return False
        self._at = found.end()
        name, closes = tag[2].lower(), bool(tag[1])
        if name in _HIDDEN:
            self._hidden = max(0, self._hidden + (-1 if closes else 1))
        elif name == "body":
            # It ends a head that nobody closed.
            self._hidden = 0
        if name in _BLOCKS:
            self.parts.append("\n")
        if closes:
            return True
        if name == "a" and (href := _HREF.search(self._body, tag.end() - 1, self._at)) is not None:
            self._text(f"{href[1] or href[2] or href[3] or ''} ")
        return name not in _RAW or self._raw(name)

    def _raw(self, name: str) -> bool:
        end = search(_RAW[name], self._body, self._at)
        if end is None:
            return False
        self._at = end.start()
        return True

    def _skip_to(self, end: re.Pattern[str], start: int) -> bool:
        found = search(end, self._body, start)
        if found is None:
            return False
        self._at = found.end()
        return True

    def _text(self, text: str) -> None:
        if not self._hidden and text:
            self.parts.append(_ENTITY.sub(lambda entity: html.unescape(entity[0]), text))
