"""Reads Dagster's settings: its address, and whether it runs by itself."""

from pydantic import Field

from sma.settings.part import Part


class DagsterSettings(Part):
    """Where Dagster is, and whether it runs by itself."""

    dagster_url: str = Field("http://127.0.0.1:19005", description="address of Dagster's webserver")
    automation: bool = Field(True, description="whether Dagster's schedules and sensors are switched on at first")
