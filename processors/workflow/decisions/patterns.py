"""Regular expressions that organisations write: matched in linear time, whatever they are."""

from functools import lru_cache
from typing import Any

import re2

from processors.errors import DefinitionError

_MAX_PATTERN = 500
_MAX_TEXT = 100_000
_OPTIONS = re2.Options()
_OPTIONS.log_errors = False
_OPTIONS.max_mem = 1 << 20


def is_match(pattern: str, text: str) -> bool:
    """Whether the pattern is found anywhere in the text.

    Args:
        pattern: RE2's syntax (github.com/google/re2/wiki/Syntax): Perl's without back-references
            and without looking around.
        text: of any length; its first 100,000 characters count.

    Raises:
        DefinitionError: it is no pattern.
    """
    return _compiled(pattern).search(text[:_MAX_TEXT]) is not None


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> Any:
    if len(pattern) > _MAX_PATTERN:
        raise DefinitionError(f"a pattern longer than {_MAX_PATTERN} characters")
    try:
        return re2.compile(pattern, _OPTIONS)
    except (re2.error, UnicodeEncodeError) as error:
        said = error.args[0] if error.args else ""
        said = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        raise DefinitionError(f"the pattern {pattern[:40]!r}: {said[:100]}") from None
