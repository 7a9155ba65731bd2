"""What a workflow costs in statements and transactions: a mail to the outbox, a tag, an update."""

from collections.abc import Iterator

import pytest
from sqlalchemy import event

from tests.processors.workflow.execution.graphs import graph, node, tag

MAIL = node("mail", "action", action="send_email",
            config={"subject": "Hi {{contact.first_name}}", "text": "Welcome"})  # fmt: skip
UPDATE = node("update", "action", action="update_contact", config={"updates": {"status": "warm"}})


@pytest.fixture
def counted(gym) -> Iterator[dict[str, list[str]]]:
    """Statements and commits since the test last cleared them."""
    found: dict[str, list[str]] = {"statements": [], "commits": []}

    def statement(_conn, _cursor, text, *_rest) -> None:
        if not text.startswith(("BEGIN", "SELECT 1")):
            found["statements"].append(text)

    def committed(_conn) -> None:
        found["commits"].append("commit")

    engine = gym.database.engine
    event.listen(engine, "before_cursor_execute", statement)
    event.listen(engine, "commit", committed)
    yield found
    event.remove(engine, "before_cursor_execute", statement)
    event.remove(engine, "commit", committed)


def test_twenty_statements_and_three_transactions(gym, counted):
    gym.add(graph("t > mail > tag > update", MAIL, tag("tag"), UPDATE,
                  reentry={"policy": "always"}))  # fmt: skip
    gym.report()
    for some in counted.values():
        some.clear()
    ran = gym.report()
    assert [attempt.kind for attempt in ran] == ["process_trigger", "send_email", "track_event"]
    statements = counted["statements"]
    assert len(statements) <= 20, "\n".join(" ".join(text.split())[:110] for text in statements)
    assert len(counted["commits"]) <= 3
