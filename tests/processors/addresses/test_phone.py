"""Phone numbers by country: one spelling for one number, one line for what is none."""

import random

import pytest

from processors.addresses.phone import e164, spelling


@pytest.mark.parametrize(
    ("number", "country", "result"),
    [
        ("+44 7700 900123", "GB", "+447700900123"),
        ("+44 7700 900123", "JP", "+447700900123"),
        ("07700 900123", "GB", "+447700900123"),
        ("7700900123", "GB", "+447700900123"),
        ("447700900123", "GB", "+447700900123"),
        ("0044 7700 900123", "GB", "+447700900123"),
        ("0044 7700 900123", "US", "+447700900123"),
        ("011 44 7700 900123", "US", "+447700900123"),
        ("0011 44 7700 900123", "AU", "+447700900123"),
        ("(020) 7183-8750", "GB", "+442071838750"),
        ("(0113) 496 0000", "GB", "+441134960000"),
        ("+44 (0)7700 900123", "FR", "+447700900123"),
        ("+49 (0)209 1234567", "GB", "+492091234567"),
        ("06 12 34 56 78", "FR", "+33612345678"),
        ("06.12.34.56.78", "FR", "+33612345678"),
        ("06 698 1234", "IT", "+39066981234"),
        ("+39 06 698 1234", "GB", "+39066981234"),
        ("090-1234-5678", "JP", "+819012345678"),
        ("０９０ １２３４ ５６７８", "JP", "+819012345678"),  # noqa: RUF001
        ("(415) 555-2671", "US", "+14155552671"),
        ("whatsapp:+1 415 555 2671", "GB", "+14155552671"),
        ("tel:+44-7700-900123", "GB", "+447700900123"),
        ("011 15-2345-6789", "AR", "+5491123456789"),
    ],
)
def test_e164(number, country, result):
    assert e164(number, country) == result
    assert spelling(number, country) == result
    assert e164(result, country) == result


@pytest.mark.parametrize(
    ("number", "country", "words"),
    [
        ("07700 9", "GB", "too short for a number of GB"),
        ("07700 900123", "FR", "not valid"),
        ("06 12 34 56 78", "GB", "not valid"),
        ("34600123456", "GB", "too long for a number of GB"),
        ("999", "GB", "too short"),
        ("62226", "US", "too short"),
        ("0000000000", "GB", "no number of GB begins like that"),
        ("012 345 6789", "US", "no number of US begins like that"),
        ("0113 496 0000 ext 12", "GB", "has an extension"),
        ("0113 496 0000 x12", "GB", "has an extension"),
        ("+44 113 496 0000;ext=5", "GB", "has an extension"),
        ("07700 900123 / 07700 900124", "GB", "too long"),
        ("+999 1234567", "GB", "no country has that code"),
        ("+0123456789", "GB", "no country has that code"),
        ("+1234567890123456", "GB", "too long"),
        ("hello", "GB", "it is no phone number"),
        ("", "GB", "it is no phone number"),
        ("+", "GB", "it is no phone number"),
        ("1" * 5_000, "GB", "too long"),
    ],
)
def test_what_is_no_number_is_one_line_without_it(number, country, words):
    with pytest.raises(ValueError, match=words) as error:
        e164(number, country)
    assert "\n" not in str(error.value)
    assert not number or number not in str(error.value)
    if "extension" not in words:
        assert spelling(number, country) == number


def test_two_extensions_of_one_number_are_two_people():
    first = spelling("(0113) 496 0000 ext. 12", "GB")
    assert first == spelling("+44 113 4960000x12", "GB") == "+441134960000 ext. 12"
    assert first != spelling("0113 496 0000 ext 13", "GB") != spelling("0113 496 0000", "GB")


@pytest.mark.parametrize("country", ["GB", "US", "JP", "IT", "XK"])
def test_random_text_is_never_a_number_of_another_form(country):
    rng = random.Random(5)
    for _ in range(1_000):
        text = "".join(rng.choice("+0123456789 ()-.x") for _ in range(rng.randrange(18)))
        try:
            found = e164(text, country)
        except ValueError as error:
            assert "\n" not in str(error)  # noqa: PT017 - either way is right
        else:
            assert found[0] == "+"
            assert found[1:].isdigit()
            assert e164(found, country) == found
