"""Phone numbers as providers take them: E.164."""

import re

# ITU-T E.164: at most 15 digits; no national numbering plan has fewer than 7 with its country code.
_E164 = re.compile(r"\+[1-9]\d{6,14}")


def e164(number: str, *, country_code: str = "44") -> str | None:
    """The number as ``+447700900123``, or None when it cannot be one.

    Args:
        number: as people write it: spaces, brackets, a leading 0 or 00, ``whatsapp:`` before it.
        country_code: for numbers written without one. The CRM also stores British mobiles with
            neither 0 nor country code (``7700900123``).
    """
    digits = re.sub(r"[\s().-]", "", number.strip().lower().removeprefix("whatsapp:"))
    if digits.startswith("00"):
        digits = "+" + digits[2:]
    elif digits.startswith("0"):
        digits = f"+{country_code}{digits[1:]}"
    elif country_code == "44" and re.fullmatch(r"7\d{9}", digits):
        digits = f"+44{digits}"
    elif not digits.startswith("+"):
        digits = "+" + digits
    return digits if _E164.fullmatch(digits) else None
