import pytest

from runtime.jobs.fingerprint import fingerprint, handler_traceback, normalise


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("timed out after 3.5 s", "timed out after 12 s"),
        ("no lead 'ana'", "no lead 'bob smith'"),
        ("bad address ana@example.com", "bad address bob@mail.example.org"),
        ("job 5f0c2d7e-91a4-4e0e-9d1b-3a1f5f0c2d7e", "job 11111111-91a4-4e0e-9d1b-3a1f5f0c2d7e"),
    ],
)
def test_the_same_failure_has_one_fingerprint(a: str, b: str) -> None:
    assert normalise(a) == normalise(b)
    assert fingerprint("E", a) == fingerprint("E", b)


def test_class_words_and_place_tell_failures_apart() -> None:
    base = fingerprint("TimeoutError", "read timed out", "psp.py:charge")
    assert base != fingerprint("ConnectionError", "read timed out", "psp.py:charge")
    assert base != fingerprint("TimeoutError", "connect timed out", "psp.py:charge")
    assert base != fingerprint("TimeoutError", "read timed out", "psp.py:refund")


def test_a_long_traceback_keeps_its_end() -> None:
    try:
        raise ValueError("x" * 50_000 + "END")
    except ValueError as error:
        text, frame = handler_traceback(error)
    assert len(text) == 16_000
    assert text.rstrip().endswith("END")
    assert frame.endswith("test_a_long_traceback_keeps_its_end")
