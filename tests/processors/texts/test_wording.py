"""Values in the language of the organisation."""

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from processors.texts.wording import UnwritableError, Wording, locale_of

TOKYO = ZoneInfo("Asia/Tokyo")


@pytest.mark.parametrize(
    ("locale", "country", "expected"),
    [
        ("", "GB", "Spin, Yoga and Box|yes|19.9|25 November 2026, 23:00"),
        ("", "US", "Spin, Yoga, and Box|yes|19.9|November 25, 2026, 11:00 PM"),
        ("", "FR", "Spin, Yoga et Box|oui|19,9|25 novembre 2026, 23:00"),
        ("de", "GB", "Spin, Yoga und Box|ja|19,9|25. November 2026, 23:00"),
        ("pt-BR", "GB", "Spin, Yoga e Box|sim|19,9|25 de novembro de 2026, 23:00"),
        ("", "IN", "Spin, Yoga and Box|yes|19.9|25 November 2026, 11:00 pm"),
        ("", "JP", "Spin、Yoga、Box|はい|19.9|2026年11月25日, 23:00"),
        ("nonsense", "GB", "Spin, Yoga and Box|yes|19.9|25 November 2026, 23:00"),
        ("../../etc", "ZZ", "Spin, Yoga, and Box|yes|19.9|November 25, 2026, 11:00 PM"),
    ],
)
def test_languages(locale, country, expected):
    wording = Wording(locale_of(locale, country), TOKYO)
    values = (["Spin", "Yoga", "Box"], True, 19.9, "2026-11-25T14:00:00Z")
    assert "|".join(wording.write(value) for value in values) == expected


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("as it is", "as it is"),
        (0, "0"),
        (False, "no"),
        (1_000_000, "1000000"),
        (2026, "2026"),
        (5.0, "5"),
        (0.1 + 0.2, "0.3"),
        (1e-7, "0.0000001"),
        (-3.5, "-3.5"),
        (Decimal("19.90"), "19.9"),
        (120210000000000124, "120210000000000124"),
        (["Spin"], "Spin"),
        (["Spin", None, " ", "Yoga"], "Spin and Yoga"),
        ([1, 2.5, True], "1, 2.5 and yes"),
        ('["Spin", "Yoga"]', "Spin and Yoga"),
        ("[not json]", "[not json]"),
        (datetime(2026, 11, 25, 14, tzinfo=UTC), "25 November 2026, 14:00"),
        (date(2026, 11, 5), "5 November 2026"),
        ("2026-11-25", "2026-11-25"),
        ("2026-11-25 14:00", "25 November 2026, 14:00"),
        ("2026-13-45T99:99", "2026-13-45T99:99"),
        ("14:00", "14:00"),
        ("None", "None"),
    ],
)
def test_values(value, text):
    assert Wording(locale_of("", "GB")).write(value) == text


@pytest.mark.parametrize(
    "value",
    [{"a": 1}, [{"a": 1}], [["a"]], float("nan"), float("inf"), 1e300, '{"a": 1}', '[{"a": 1}]',
     ["x"] * 1_001, None, b"bytes", {1, 2}],
)  # fmt: skip
def test_what_people_do_not_read(value):
    with pytest.raises(UnwritableError):
        Wording(locale_of("", "GB")).write(value)
