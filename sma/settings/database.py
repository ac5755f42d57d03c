"""Reads the database's settings: its URL for each role."""

from pydantic import Field, SecretStr

from sma.settings.part import Part


class DatabaseSettings(Part):
    """The database, as each role reaches it; a URL carries its role's credential and so is never printed."""

    database_url: SecretStr = Field(SecretStr(""), description="PostgreSQL URL of a role that may read every table")
    owner_database_url: SecretStr = Field(SecretStr(""), description="... of the role that owns the schemas")
    streaming_database_url: SecretStr = Field(SecretStr(""), description="... of the streaming layer's role")
    batch_database_url: SecretStr = Field(SecretStr(""), description="... of the batch layer's role")
    dagster_database_url: SecretStr = Field(SecretStr(""), description="... of Dagster's own storage")
