"""The domain's errors: some are worth another attempt, others tell a user what to change."""

from runtime.errors import AtlasError, OutsideUnavailableError


class DatabaseUnavailableError(OutsideUnavailableError):
    """The database did not answer or refused; the attempt changed nothing and can be repeated."""

    outside = "database"


class DefinitionError(AtlasError):
    """A workflow asks for something that does not exist or is not supported."""


class MissingValueError(DefinitionError):
    """A variable of a text has no value that a person could read."""


class TemplateError(AtlasError):
    """A message template does not exist or cannot be rendered."""


class RecipientError(AtlasError):
    """The recipient cannot be reached: no such number, a landline, an opt-out."""


class ContentError(AtlasError):
    """A message cannot be made of its parts: too long, no way to unsubscribe, a broken link."""


class WebhookError(AtlasError):
    """A webhook is not from the provider that it names, or cannot be read."""
