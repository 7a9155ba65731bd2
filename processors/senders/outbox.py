"""The development sender: a message is delivered when its row is in the database."""

from processors.senders.sender import Guarantee, OutgoingMessage


class OutboxSender:
    """Keeps messages where ``atlas messages`` shows them; nobody outside is reached."""

    name = "outbox"
    guarantee = Guarantee.STORED

    async def send(self, message: OutgoingMessage, /) -> str | None:
        """The row is the delivery: the ledger wrote it already."""
        return str(message.id)

    async def check(self) -> str:
        """Where messages go."""
        return "messages stay in the database (atlas messages list)"
