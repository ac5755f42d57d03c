"""Reads the settings of reconciliation: its first day, how long it waits, and how long rows may wait and are kept."""

from pydantic import Field

from sma.settings.part import Part


class ReconciliationSettings(Part):
    """The first day, how long a reconciliation waits, and how long rows may wait and are kept."""

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
