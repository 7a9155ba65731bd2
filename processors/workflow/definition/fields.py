"""Reading a JSON object key by key: synonyms are one setting, and what nobody reads is refused."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from processors.errors import DefinitionError
from processors.naming import snake_case
from processors.texts.interpolation import has_variables
from processors.workflow.definition.problems import Findings
from processors.workflow.durations import duration

# Deeper settings cannot be filled in, see `processors.texts.interpolation`.
MAX_DEPTH = 12
# Nothing that is counted in a definition is larger.
_LARGE = 1e12
# No id is longer, and texts of longer numbers cannot be made.
_LONG = 10**30
_NOTHING: tuple[Any, ...] = (None, "", [], {})
_YES = frozenset({"true", "yes", "1", "on"})
_NO = frozenset({"false", "no", "0", "off"})


class Fields:
    """The settings of one node or object.

    Args:
        values: the object.
        where: whose it is, for problems.
        findings: where problems are noted.
        path: what stands before a key in problems, such as ``cases[0].``.
    """

    def __init__(
        self, values: Mapping[str, Any], where: str, findings: Findings, path: str = ""
    ) -> None:
        self._left = {str(key): value for key, value in values.items()}
        self._known: list[str] = []
        # As the setting that was taken last was written.
        self._name = ""
        self.where = where
        self.findings = findings
        self.path = path

    def take(self, *names: str) -> Any:
        """The value of a setting by any of its names; None when it is not set.

        Two names with different values are a problem.
        """
        self._known += names
        found = [(name, self._left.pop(name)) for name in names if name in self._left]
        given = [(name, value) for name, value in found if value not in _NOTHING]
        for name, value in given[1:]:
            if value != given[0][1]:
                self.refuse(f"{given[0][0]} and {name} are one setting, with two values")
        self._name = given[0][0] if given else names[0]
        return given[0][1] if given else None

    def rest(self, *names: str) -> dict[str, Any]:
        """All of these that are set, by the names they have."""
        self._known += names
        return {name: self._left.pop(name) for name in names if name in self._left}

    def has(self, *names: str) -> bool:
        """Whether any of these is set."""
        return any(self._left.get(name) not in _NOTHING for name in names)

    def know(self, *names: str) -> None:
        """Settings that others read, to be named among what is allowed."""
        self._known += names

    def everything(self) -> dict[str, Any]:
        """Whatever is left, for a model that knows its own settings."""
        left, self._left = self._left, {}
        return left

    def text(self, *names: str) -> str | None:
        """A text; a number is read as one."""
        value = self.take(*names)
        if value is None or isinstance(value, str):
            return value
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LARGE:
            return str(value)
        self.refuse(f"{self._name} must be a text")
        return None

    def texts(self, *names: str) -> tuple[str, ...]:
        """A list of texts; one text is a list of one."""
        value = self.take(*names)
        listed = value if isinstance(value, list) else [] if value is None else [value]
        texts = tuple(item.strip() for item in listed if isinstance(item, str) and item.strip())
        if len(texts) != len(listed):
            self.refuse(f"{self._name} must list texts")
        return texts

    def number(self, *names: str) -> float | None:
        """A number, also as a text."""
        value = self.take(*names)
        if value is None:
            return None
        if isinstance(value, str):
            try:
                value = float(value)
            except ValueError:
                value = None
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LARGE:
            return float(value)
        self.refuse(f"{self._name} must be a number")
        return None

    def whole(self, *names: str) -> int | None:
        """A whole number, also as a text."""
        value = self.number(*names)
        if value is not None and value != int(value):
            self.refuse(f"{self._name} must be a whole number")
        return None if value is None else int(value)

    def flag(self, *names: str) -> bool | None:
        """True or false, also as a text."""
        value = self.take(*names)
        if value is None or isinstance(value, bool):
            return value
        word = word_of(value)
        if word in _YES | _NO:
            return word in _YES
        self.refuse(f"{self._name} must be true or false")
        return None

    def choice(self, allowed: Mapping[str, str], *names: str) -> str | None:
        """One of the words of `allowed`, as the word that it stands for."""
        value = self.take(*names)
        if value is None:
            return None
        word = word_of(value)
        if word in allowed:
            return allowed[word]
        shown = ", ".join(dict.fromkeys(allowed.values()))
        self.refuse(f"{self._name} is {brief(value)}; allowed: {shown}")
        return None

    def object(self, *names: str) -> dict[str, Any] | None:
        """A JSON object."""
        value = self.take(*names)
        if value is None or isinstance(value, Mapping):
            return None if value is None else dict(value)
        self.refuse(f"{self._name} must be a JSON object")
        return None

    def objects(self, *names: str) -> list[Mapping[str, Any]]:
        """A list of JSON objects."""
        value = self.take(*names)
        listed = value if isinstance(value, list) else [] if value is None else [value]
        objects = [item for item in listed if isinstance(item, Mapping)]
        if len(objects) != len(listed):
            self.refuse(f"{self._name} must list JSON objects")
        return objects

    def span(self, *names: str) -> timedelta | None:
        """A span of time, in any of the ways in which waits are written; without variables."""
        value = self.take(*names)
        if value is None:
            return None
        wrapped = value if isinstance(value, Mapping) else {"duration": value, "unit": "seconds"}
        try:
            return duration(wrapped)
        except DefinitionError as error:
            self.refuse(f"{self._name}: {error}")
            return None

    def refuse(self, message: str) -> None:
        """Note a problem of this object."""
        self.findings.refuse(self.where, self.path + message)

    def warn(self, message: str) -> None:
        """Note a warning about this object."""
        self.findings.warn(self.where, self.path + message)

    def finish(self) -> None:
        """Refuse what nobody has taken."""
        allowed = ", ".join(sorted({name for name in self._known if not name.isupper()}))
        for key in self._left:
            self.refuse(f"the setting {key[:60]!r} is not understood; allowed: {allowed}")


def texts_in(value: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """Each text of a setting with its path (``cases[0].value``); none that is too deep to use."""
    if isinstance(value, str):
        yield path[:80], value
    elif depth > MAX_DEPTH:
        return
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from texts_in(item, f"{path}.{key}" if path else str(key), depth + 1)
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from texts_in(item, f"{path}[{number}]", depth + 1)


def unusable(value: Any, limit: int = 30) -> str | None:
    """Why a value can be no part of a definition: nested too deep, or a number too long."""
    if limit < 0:
        return "its settings are nested too deep"
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return next((why for item in value if (why := unusable(item, limit - 1))), None)
    if isinstance(value, int | float) and not -_LONG < value < _LONG:
        return "a number in its settings is too large"
    return None


def holds_variables(value: Any) -> bool:
    """Whether something in a setting is to be filled in when the node runs."""
    return any(has_variables(text) for _, text in texts_in(value))


def word_of(value: Any) -> str:
    """A word as it is compared: ``Wait-For All`` is ``wait_for_all``."""
    text = value if isinstance(value, str) else brief(value)
    return snake_case(text.strip()).replace("-", "_").replace(" ", "_")[:60]


def brief(value: Any) -> str:
    """A value in a message: a short text in quotes, a number, or what kind of thing it is."""
    if isinstance(value, str):
        return repr(value[:60])
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "nothing"}[value]
    if isinstance(value, int | float) and abs(value) < _LARGE:
        return f"{value:g}"
    return "a list" if isinstance(value, list) else "an object"
