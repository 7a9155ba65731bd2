"""What a workflow costs in statements and transactions: a mail to the outbox, a tag, an update."""

from collections.abc import Iterator

import pytest
from sqlalchemy import event

from tests.processors.workflow.execution.graphs import graph, node, tag

_TEXT = {"subject": "Hi {{contact.first_name}}", "text": "Welcome", "purpose": "transactional"}
MAIL = node("mail", "action", action="send_email", config=_TEXT)
UPDATE = node("update", "action", action="update_contact", config={"updates": {"status": "warm"}})


WRITES = ("INSERT", "UPDATE", "DELETE")


@pytest.fixture
def counted(gym) -> Iterator[dict[str, list[str]]]:
    """Statements, and those of each transaction that wrote something."""
    found: dict[str, list[str]] = {"statements": [], "writers": []}
    open_now: dict[int, list[str]] = {}

    def statement(conn, _cursor, text, *_rest) -> None:
        if not text.startswith(("BEGIN", "SELECT 1")):
            found["statements"].append(text)
            open_now.setdefault(id(conn), []).append(text)

    def committed(conn) -> None:
        if any(text.startswith(WRITES) for text in open_now.pop(id(conn), ())):
            found["writers"].append("commit")

    engine = gym.database.engine
    event.listen(engine, "before_cursor_execute", statement)
    event.listen(engine, "commit", committed)
    yield found
    event.remove(engine, "before_cursor_execute", statement)
    event.remove(engine, "commit", committed)


def test_twenty_statements_and_three_writing_transactions(gym, counted, add_lead):
    """Before, a job for each step: 80 statements and 7 transactions."""
    add_lead(id="lead_2", email="bo@example.com", phone="+447700900456")
    gym.add(graph("t > mail > tag > update", MAIL, tag("tag"), UPDATE))
    gym.report()
    for some in counted.values():
        some.clear()
    ran = gym.report(contact="lead_2")
    assert [attempt.kind for attempt in ran] == ["process_trigger", "send_email", "track_event"]
    statements = counted["statements"]
    told = "\n".join(" ".join(text.split())[:110] for text in statements)
    # One is the look for a running execution; two change the contact.
    assert len(statements) <= 22, told
    assert len(counted["writers"]) <= 3
