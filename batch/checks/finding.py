"""The result of a check, in words and figures.

Which asset a finding belongs to, and how it is shown, is decided in `orchestration`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether a check passed, why in one line, and its figures; `is_error` is False for a warning."""

    passed: bool
    description: str
    figures: Mapping[str, int | float | str] = field(default_factory=dict)
    is_error: bool = True
