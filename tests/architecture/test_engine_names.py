"""The engine's source names nothing of an application, not even in an example."""

import re
from pathlib import Path

import runtime
from runtime.application import load_application

CATALOGUE = load_application("processors").catalogue
ALIASES = {alias for kind in CATALOGUE.kinds.values() for alias in kind.aliases}
# Words of one part, such as a queue `events`, are everybody's.
# An argument of redis-py has this name too.
ELSEWHERE = {"check_health"}
NAMES = {
    name
    for name in {*CATALOGUE.kinds, *CATALOGUE.queues, *ALIASES} - ELSEWHERE
    if re.search("[_:]", name)
}
ANY_NAME = re.compile(rf"(?<![\w:])(?:{'|'.join(map(re.escape, sorted(NAMES)))})(?![\w:])")


def named(text: str) -> list[str]:
    return ANY_NAME.findall(text)


def test_a_name_is_seen() -> None:
    assert {"send_email", "communication:email"} <= NAMES
    assert named("e.g. ``send_email``, or communication:email.") == [
        "send_email",
        "communication:email",
    ]
    assert named("presend_email(send_emails)") == []


def test_the_engine_names_no_kind_and_no_queue_of_an_application() -> None:
    sources = [p for p in Path(runtime.__file__).parent.rglob("*.*") if p.suffix in (".py", ".lua")]
    assert len(sources) > 150
    found = {str(path): names for path in sources if (names := named(path.read_text()))}
    assert found == {}
