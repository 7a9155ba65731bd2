import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.texts.segments import segments_of

CLAP = "\U0001f44f"


@pytest.mark.parametrize(
    ("text", "count", "encoding"),
    [
        ("", 1, "GSM-7"),
        ("a" * 160, 1, "GSM-7"),
        ("a" * 161, 2, "GSM-7"),
        ("a" * 306, 2, "GSM-7"),
        ("a" * 307, 3, "GSM-7"),
        ("é\n@£ñ", 1, "GSM-7"),
        # Two septets each.
        ("€" * 80, 1, "GSM-7"),
        ("€" * 81, 2, "GSM-7"),
        # An escaped character is never split: 152 and one of two do not fit into 153.
        ("a" * 152 + "€" + "a" * 151, 2, "GSM-7"),
        ("a" * 152 + "€" + "a" * 152, 3, "GSM-7"),
        ("ç", 1, "UCS-2"),  # GSM-7 has only the capital one
        ("й" * 70, 1, "UCS-2"),
        ("й" * 71, 2, "UCS-2"),
        ("й" * 134, 2, "UCS-2"),
        ("й" * 135, 3, "UCS-2"),
        (CLAP * 35, 1, "UCS-2"),
        # 33 pairs fill 66 of 67 units.
        (CLAP * 66, 2, "UCS-2"),
        (CLAP * 67, 3, "UCS-2"),
        # The two texts of the CRM's templates that hold an emoji.
        ("x" * 160 + CLAP, 3, "UCS-2"),
        ("x" * 118 + CLAP, 2, "UCS-2"),
    ],
)
def test_segments(text: str, count: int, encoding: str) -> None:
    found = segments_of(text)
    assert (found.count, found.encoding) == (count, encoding)


def test_it_says_why() -> None:
    assert str(segments_of("Hi")) == "1 segment (GSM-7)"
    assert str(segments_of(f"Hi {CLAP} “you”")) == f"1 segment (UCS-2 because of “{CLAP}“””)"


@settings(max_examples=80, deadline=None)
@given(st.text(alphabet="a€ж" + CLAP, max_size=400))
def test_a_longer_text_never_has_fewer(text: str) -> None:
    found = segments_of(text)
    assert 1 <= found.count <= len(text) + 1
    assert segments_of(text + "a").count >= found.count
    limit = 153 if found.encoding == "GSM-7" else 67
    assert found.count >= found.units / limit - 1e-9 or found.count == 1
