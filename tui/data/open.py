"""Opening the source: the live one of the settings, or the made-up one."""

from tui.data.source import Source


class OpenError(Exception):
    """There is no source to open; `problems` says why, one line each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def open_source(*, actor: str, sample: bool) -> Source:
    """The source to watch.

    Raises:
        OpenError: the settings or the application are not usable.
    """
    if sample:
        from tui.sample.source import SampleSource  # noqa: PLC0415 - the tour needs no runtime

        return SampleSource(moving=True)
    from runtime.config.settings import load_settings  # noqa: PLC0415
    from runtime.errors import AtlasError, SettingsError  # noqa: PLC0415 - only the live source
    from tui.data.live import LiveSource  # noqa: PLC0415

    try:
        return LiveSource.from_settings(load_settings(), actor=actor)
    except SettingsError as error:
        raise OpenError(error.problems) from error
    except AtlasError as error:
        raise OpenError(str(error).splitlines()) from error
