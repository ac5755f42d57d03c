"""Time-outs of services, and the errors for a service that does not answer or that refuses.

Imports no client, so that a process which asks one service loads the library of no other.
"""

from sma.errors import SmaError

ANSWER_TIMEOUT_S = 10.0  # one response of any service
CHECK_TIMEOUT_S = 5.0  # ... where a check has to end within seconds
HEALTH_TIMEOUT_S = 3.0  # ... where a check only needs to know whether it is up
DAGSTER_TIMEOUT_S = 30.0  # Dagster loads the definitions again before it responds to some queries
TOPICS_TIMEOUT_S = 15.0  # Kafka makes or deletes topics


class Unanswered(SmaError):
    """A service does not answer, or not in time; `detail` is its client's message."""

    def __init__(self, service: str, where: str, detail: str) -> None:
        super().__init__(f"{service} does not answer at {where} ({detail}): run `sma up`")
        self.detail = detail


class Refused(SmaError):
    """A service refuses a request; `detail` is its reason."""

    def __init__(self, service: str, where: str, detail: str) -> None:
        super().__init__(f"{service} at {where} refuses: {detail}")
        self.detail = detail
