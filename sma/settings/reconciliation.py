"""Reads the settings of reconciliation and audit: the first day, waiting times, how long rows are kept, budgets."""

from datetime import date

from pydantic import Field, field_validator

from sma.settings.part import Part

EARLIEST_FIRST_DAY = date(1800, 1, 1)  # an asset of Dagster's has up to 100,000 partitions


class ReconciliationSettings(Part):
    """The first day, how long a reconciliation waits, how long rows may wait and are kept, and how days are audited."""

    first_day: str = Field("1970-01-01", description="first daily partition, as YYYY-MM-DD")
    reconcile_timeout: str = Field(
        "2 minutes", description="how long a reconciliation waits for the stream to commit what the batch layer read"
    )
    batch_max_age: str = Field(
        "1 hour", description="how long a streamed row may be without a batch result before a check warns"
    )
    keep_days: int = Field(
        0, ge=0, description="days before today (UTC) whose averages, differences and corrections are kept; 0 for all"
    )
    audit_period: str = Field(
        "30 days", description="in which the audit compares the stored rows of each day with the log at least once"
    )
    audit_most_days: int = Field(366, ge=1, description="days that one run of the audit checks at most")
    audit_most_offsets: int = Field(
        100_000_000, ge=1, description="Kafka offsets after which a run of the audit leaves the rest to the next"
    )

    @field_validator("first_day")
    @classmethod
    def _is_a_day(cls, text: str) -> str:
        """Refuse what is no day, or so early that Dagster has more partitions than it can list."""
        if date.fromisoformat(text) < EARLIEST_FIRST_DAY:
            raise ValueError(f"the first daily partition is {EARLIEST_FIRST_DAY} at the earliest")
        return text
