"""Reads the settings of Power BI: the model, its service principal, and how it is refreshed."""

from typing import Literal

from pydantic import Field, SecretStr

from sma.settings.part import Part


class PowerBiSettings(Part):
    """The Power BI model, its service principal, and how it is refreshed."""

    powerbi_tenant_id: str = Field("", description="tenant of the service principal that refreshes the Power BI model")
    powerbi_client_id: str = Field("", description="... its application (client) id")
    powerbi_client_secret: SecretStr = Field(SecretStr(""), description="... its secret")
    powerbi_workspace_id: str = Field("", description="workspace (group) of the Power BI model")
    powerbi_dataset_id: str = Field("", description="id of the Power BI model; unset with the four above: no refresh")
    powerbi_url: str = Field("https://api.powerbi.com/v1.0/myorg", description="Power BI's REST address")
    powerbi_login_url: str = Field("https://login.microsoftonline.com", description="where tokens come from")
    powerbi_enhanced: bool = Field(
        False, description="whether the capacity allows enhanced refreshes: Premium, Fabric or Embedded, not shared"
    )
    powerbi_partitioned_tables: str = Field(
        "Moving averages, Differences",
        description="the model's tables with a refresh policy, whose changed days are refreshed; empty for the whole",
    )
    powerbi_other_tables: str = Field(
        "Access, Averages, Calendar, Customers, Data age, Reconciliation, Series",
        description="the model's other imported tables, refreshed with them",
    )
    powerbi_granularity: Literal["day", "month", "quarter", "year"] = Field(
        "day", description="incrementalGranularity of that refresh policy"
    )
    powerbi_periods: int = Field(35, ge=1, description="incrementalPeriods of that refresh policy")
    powerbi_max_parallelism: int = Field(10, ge=1, description="maxParallelism of an enhanced refresh")
    powerbi_timeout: str = Field("20 minutes", description="how long a refresh may run before it is cancelled")
    powerbi_per_day: int = Field(
        8, ge=0, description="refreshes a day of shared capacity, spread evenly; 0 to leave the quota to Power BI"
    )
    powerbi_refresh_every: str = Field(
        "15 minutes", description="a refresh is asked for at least so often, reconciled or not"
    )
