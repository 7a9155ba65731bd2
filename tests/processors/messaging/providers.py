"""Senders of tests whose answers are given."""

import asyncio
from collections.abc import Callable
from typing import Any

from processors.senders.sender import Guarantee, OutgoingMessage


class Provider:
    """A sender whose answers are given; it counts what it accepted."""

    def __init__(self, guarantee: Guarantee, *answers: Any, name: str = "provider") -> None:
        self.name = name
        self.guarantee = guarantee
        self.answers = list(answers)
        self.calls: list[str] = []
        self.accepted: list[str] = []
        self.keys: list[str] = []
        self.messages: list[OutgoingMessage] = []
        self.hook: Callable[[], None] = lambda: None

    async def send(self, message):
        self.calls.append(message.recipient)
        self.messages.append(message)
        await asyncio.to_thread(self.hook)
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            raise answer
        self.accepted.append(message.recipient)
        self.keys.append(message.key)
        return f"id_{message.id}"

    async def check(self):
        return "ok"
