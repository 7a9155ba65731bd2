"""Which refusals concern the recipient alone: they need no attention and no retry helps.

Anything else that is refused for good (content, an account's settings) is for a person to see.
"""

from processors.senders.error_classes import suppressing_codes

# Ours: a number or an address that is none.
NOT_VALID = "not_valid"
# Ours: the text says something of this person that is not known.
NO_VALUE = "no_value"
# Ours: the server cannot carry an address with other letters than ASCII's.
NO_SMTPUTF8 = "no_smtputf8"
_OURS = frozenset({NOT_VALID, NO_VALUE, NO_SMTPUTF8})


def is_of_recipient(code: str | None) -> bool:
    """True for a code that says that this recipient cannot be reached this way."""
    return code in _OURS or code in suppressing_codes()
