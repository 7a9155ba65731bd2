"""Country codes as organisations and settings name them."""

# How people write it; the code of ISO 3166-1 is GB.
_ALIASES = {"UK": "GB"}


def country_code(text: str) -> str:
    """A country's two letters of ISO 3166-1, in capitals.

    Raises:
        ValueError: there is no such country with telephones.
    """
    from phonenumbers import SUPPORTED_REGIONS  # noqa: PLC0415 - only where a country is named

    code = text.strip().upper()
    code = _ALIASES.get(code, code)
    if code not in SUPPORTED_REGIONS:
        raise ValueError("is not a country of ISO 3166-1")
    return code
