"""How much may still be built: limits that hold while a text or an object grows."""

from collections.abc import Mapping
from typing import Any

from processors.errors import DefinitionError


class Budget:
    """Counts down; what would exceed it is refused before it exists.

    Args:
        limit: how much there may be in all.
        unit: what is counted, for the message.
    """

    def __init__(self, limit: int, unit: str) -> None:
        self._limit = limit
        self._unit = unit
        self.left = limit

    def require(self, amount: int) -> None:
        """Refuse what there is no room for.

        Raises:
            DefinitionError: it does not fit.
        """
        if amount > self.left:
            raise DefinitionError(f"the text becomes longer than {self._limit} {self._unit}")

    def take(self, text: str) -> str:
        """Count a text.

        Raises:
            DefinitionError: it does not fit.
        """
        self.require(len(text))
        self.left -= len(text)
        return text

    def weigh(self, value: Any) -> Any:
        """Count a value with everything in it, no further than there is room.

        Raises:
            DefinitionError: it does not fit.
        """
        waiting = [value]
        while waiting:
            item = waiting.pop()
            # One for the value itself, so that nothing is free.
            amount = 1 + (len(item) if isinstance(item, str | list | tuple | Mapping) else 0)
            self.require(amount)
            self.left -= amount
            if isinstance(item, Mapping):
                waiting += [*item.keys(), *item.values()]
            elif isinstance(item, list | tuple):
                waiting += item
        return value
