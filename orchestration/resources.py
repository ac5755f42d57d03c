"""The resource of all assets: the project's settings and averages, read when they are used and not when loaded."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from sma.averages import Averages, load_averages
from sma.errors import SmaError
from sma.settings import Settings, load_settings


class Project:
    """The settings (`SMA_*`) and averages.yaml of the process that runs the asset."""

    @property
    def settings(self) -> Settings:
        """Where everything is."""
        return load_settings()

    @property
    def averages(self) -> Averages:
        """What is computed."""
        return load_averages(self.settings.averages)


@contextmanager
def failing_in_one_line() -> Iterator[None]:
    """Let a mistake that the user can mend fail the run with its one line, and no retry."""
    try:
        yield
    except SmaError as error:
        raise dg.Failure(description=str(error), allow_retries=False) from None
