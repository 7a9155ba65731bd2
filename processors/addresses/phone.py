"""Phone numbers as people write them, converted to E.164, which providers take."""

import re
from functools import lru_cache

from phonenumbers import (
    NumberParseException,
    PhoneMetadata,
    PhoneNumber,
    PhoneNumberFormat,
    ValidationResult,
    format_number,
    is_possible_number_with_reason,
    is_valid_number,
    national_significant_number,
    parse,
    region_code_for_country_code,
)

_TOO_LONG = ValidationResult.TOO_LONG
_MAX_CHARS = 60
_UNREADABLE = {
    NumberParseException.INVALID_COUNTRY_CODE: "no country has that code",
    NumberParseException.TOO_SHORT_AFTER_IDD: "it is too short",
    NumberParseException.TOO_SHORT_NSN: "it is too short",
    NumberParseException.TOO_LONG: "it is too long",
}


def e164(number: str, country: str) -> str:
    """The number as ``+447700900123``.

    Args:
        number: with spaces, brackets, a leading zero (also a bracketed one after the country
            code), ``00`` or ``whatsapp:``.
        country: whose numbers are written without a country code; ISO 3166-1.

    Raises:
        ValueError: it cannot be a number that messages reach; one line that says why. The number
            is not part of it.
    """
    found = _read(number, country)
    if found.extension:
        raise ValueError("the number has an extension; no message reaches one")
    return format_number(found, PhoneNumberFormat.E164)


@lru_cache(maxsize=10_000)
def spelling(number: str, country: str) -> str:
    """The one spelling in which a person's number is stored and looked up.

    Text that is not a number stays as it is, for a person to correct; sending to it is refused.
    """
    try:
        found = _read(number, country)
    except ValueError:
        return number.strip()
    plain = format_number(found, PhoneNumberFormat.E164)
    return f"{plain} ext. {found.extension}" if found.extension else plain


def _read(number: str, country: str) -> PhoneNumber:
    text = re.sub(r"(?i)^\s*whatsapp:", "", number).strip()
    if len(text) > _MAX_CHARS:
        raise ValueError("the number is not valid: it is too long")
    try:
        return _parse(text, country)
    except ValueError:
        # Written by people everywhere, also where another prefix is dialled to go abroad.
        if re.match(r"00[1-9]", text):
            return _parse(f"+{text[2:]}", country)
        raise


def _parse(text: str, country: str) -> PhoneNumber:
    try:
        found = parse(text, country)
    except NumberParseException as error:
        reason = _UNREADABLE.get(error.error_type, "it is no phone number")
        raise ValueError(f"the number is not valid: {reason}") from None
    result = is_possible_number_with_reason(found)
    if result != ValidationResult.IS_POSSIBLE or not _fits_plan(found):
        where = _country(found)
        if result == ValidationResult.IS_POSSIBLE:
            reason = f"no number of {where} begins like that"
        else:
            reason = f"too {'long' if result == _TOO_LONG else 'short'} for a number of {where}"
        raise ValueError(f"the number is not valid: {reason}")
    return found


def _fits_plan(found: PhoneNumber) -> bool:
    """Whether the country's plan has such numbers at all.

    Not only valid ones, which would be those whose range is known to be in use: ranges are opened
    every week, and those for drama (Ofcom's 07700 900000) never are.
    """
    if is_valid_number(found):
        return True
    plan = PhoneMetadata.metadata_for_region(_country(found), None)
    pattern = plan.general_desc.national_number_pattern if plan and plan.general_desc else None
    return bool(pattern and re.fullmatch(pattern, national_significant_number(found)))


def _country(found: PhoneNumber) -> str:
    # Of countries that share a code (the first is the United States for 1, Britain for 44).
    return str(region_code_for_country_code(found.country_code or 0))
