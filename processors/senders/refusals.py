"""Which refusals concern the recipient alone: they need no attention and no retry helps.

Anything else that is refused for good (content, compliance, an account's settings) is for a person
to see. Twilio warns that codes change: what is not here counts as worth a look.
"""

# Ours: a number or an address that is none.
NOT_VALID = "not_valid"
# Ours: the text says something of this person that is not known.
NO_VALUE = "no_value"
# Ours: the server cannot carry an address with other letters than ASCII's.
NO_SMTPUTF8 = "no_smtputf8"
_RECIPIENT = frozenset(
    {
        NOT_VALID,
        NO_VALUE,
        NO_SMTPUTF8,
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
