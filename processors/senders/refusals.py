"""Which refusals are about the recipient alone: nobody need look into them, and none is mended.

Anything else that is refused for good (content, compliance, an account's settings) is for a person
to see. Twilio warns that codes change: what is not here counts as worth a look.
"""

# Ours: a number that is none.
NOT_VALID = "not_valid"
_RECIPIENT = frozenset(
    {
        NOT_VALID,
        "422",  # Resend: the address does not validate
        "21211",  # Twilio: not a valid number
        "21610",  # the recipient opted out (STOP)
        "21614",  # not a mobile
        "30005",  # unknown number
        "30006",  # a landline
    }
)


def is_of_recipient(code: str | None) -> bool:
    """True for a provider's code that says that this recipient cannot be reached this way."""
    return code in _RECIPIENT
