"""Logs: their two forms, their levels, and what must never be in them."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
import structlog

from runtime.config.logging_setup import configure_logging
from runtime.config.settings import Settings

Make = Callable[..., Settings]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("atlas").setLevel(logging.NOTSET)
    structlog.reset_defaults()


def test_a_terminal_gets_text_and_a_file_gets_json(make_settings: Make):
    log = structlog.get_logger("atlas.test")
    for stream, read in ((Terminal(), str), (io.StringIO(), json.loads)):
        configure_logging(make_settings(), stream=stream)
        log.info("job finished", job="j1", run_ms=12)
        line = read(stream.getvalue())
        if isinstance(line, str):
            assert line.endswith(" info     atlas.test: job finished job=j1 run_ms=12\n")
            at = line.split(" ")[0]
        else:
            at = line.pop("timestamp")
            assert line == {
                "event": "job finished", "job": "j1", "run_ms": 12, "level": "info",
                "logger": "atlas.test",
            }  # fmt: skip
        assert datetime.fromisoformat(at).utcoffset() == timedelta(0)


def test_the_form_can_be_chosen(make_settings: Make):
    stream = Terminal()
    configure_logging(make_settings(LOG_FORMAT="json"), stream=stream)
    structlog.get_logger("atlas.test").info("hello")
    assert json.loads(stream.getvalue())["event"] == "hello"


@pytest.mark.parametrize(
    ("variables", "events"),
    [
        ({}, ["info", "warning"]),
        ({"LOG_LEVEL": "warning"}, ["warning"]),
        ({"LOG_LEVEL": "debug"}, ["debug", "info", "warning"]),
        ({"LOG_LEVEL": "error", "DEBUG": "queue:*"}, ["debug", "info", "warning"]),
    ],
)
def test_levels(make_settings: Make, variables: dict[str, str], events: list[str]):
    stream = io.StringIO()
    configure_logging(make_settings(**variables), stream=stream)
    log = structlog.get_logger("atlas.test")
    log.debug("debug")
    log.info("info")
    log.warning("warning")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == events


def test_no_secret_no_personal_data_and_no_escape_sequence(make_settings: Make):
    class Payload:
        def __repr__(self) -> str:
            return "Payload(password='hunter2', to='jane@example.com')"

    for stream in (Terminal(), io.StringIO()):
        configure_logging(make_settings(), stream=stream)
        log = structlog.get_logger("atlas.test")
        log.info("for jane@example.com", token="hunter2", payload=Payload(), to="+447700900112")
        log.info("nested", data={"a": [{"api_key": "hunter2"}], "esc": "\x1b[31m\u202e"})
        logging.getLogger("library").warning("url redis://u:%s@h", "hunter2")
        try:
            raise ValueError("password=hunter2")
        except ValueError:
            log.exception("failed")
        text = stream.getvalue()
        assert "hunter2" not in text
        assert "jane@" not in text
        assert "0900112" not in text
        assert "\x1b" not in text
        assert "ValueError" in text
        assert text.count("\n") >= 4


def test_configuring_again_does_not_double_the_lines(make_settings: Make):
    stream = io.StringIO()
    for _ in range(3):
        configure_logging(make_settings(), stream=stream)
    structlog.get_logger("atlas.test").info("once")
    assert stream.getvalue().count("once") == 1
