"""The domain with a provider of texts that answers once a file exists; it notes whom it was told.

``HELD_DIRECTORY`` names the directory of ``told`` and ``go``.
"""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from processors import application as domain
from processors.senders.sender import Guarantee, OutgoingMessage
from runtime.config.settings import Settings


class HeldTexts:
    """Knows no idempotency key."""

    name = "held"
    guarantee = Guarantee.KEYLESS

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    async def send(self, message: OutgoingMessage) -> str | None:
        with (self._directory / "told").open("a") as told:
            told.write(f"{message.recipient}\n")
        while not (self._directory / "go").exists():  # noqa: ASYNC110 - another process makes it
            await asyncio.sleep(0.01)
        return None

    async def check(self) -> str:
        return "held"


@contextmanager
def _open(settings: Settings) -> Iterator[Any]:
    held = HeldTexts(Path(os.environ["HELD_DIRECTORY"]))
    with domain.open(settings) as resources:
        yield replace(resources, senders={**resources.senders, "sms": held})


application = replace(domain, open=_open)
