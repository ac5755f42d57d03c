"""The result of a check, in words and figures.

Which asset a finding belongs to, and how it is shown, is decided in `orchestration`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether all is well, in one line, and the figures that it rests on; `is_error` False for a mere warning."""

    passed: bool
    description: str
    figures: Mapping[str, int | float | str] = field(default_factory=dict)
    is_error: bool = True
