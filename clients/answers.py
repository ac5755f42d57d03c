"""How long a service may take, and the errors that say that it does not answer or that it refuses.

Imports no client, so that a process which asks one service loads the library of no other.
"""

from sma.errors import SmaError

ANSWER_TIMEOUT_S = 10.0  # one answer of any service
CHECK_TIMEOUT_S = 5.0  # ... where a check has to end within seconds
HEALTH_TIMEOUT_S = 3.0  # ... where it is only asked whether it is up
DAGSTER_TIMEOUT_S = 30.0  # Dagster loads the definitions again before it answers some queries
TOPICS_TIMEOUT_S = 15.0  # Kafka makes or deletes topics


class Unanswered(SmaError):
    """A service does not answer, or not in time; `detail` is what its client says of it."""

    def __init__(self, service: str, where: str, detail: str) -> None:
        super().__init__(f"{service} does not answer at {where} ({detail}): run `sma up`")
        self.detail = detail


class Refused(SmaError):
    """A service answers, and says no; `detail` is its reason."""

    def __init__(self, service: str, where: str, detail: str) -> None:
        super().__init__(f"{service} at {where} refuses: {detail}")
        self.detail = detail
