"""Reads Splunk's settings: its HTTP Event Collector, and what is sent there."""

from typing import Literal

from pydantic import Field, SecretStr

from sma.settings.part import Part


class SplunkSettings(Part):
    """Splunk's HTTP Event Collector, and what is sent there."""

    splunk_url: str = Field(
        "",
        description="Splunk's HTTP Event Collector, where errors are shipped to, as `https://splunk:8088`; empty: none",
    )
    splunk_token: SecretStr = Field(SecretStr(""), description="... its token")
    splunk_index: str = Field("", description="... the index to write to; empty for the token's own")
    splunk_level: Literal["INFO", "WARNING", "ERROR"] = Field("WARNING", description="... from which level on")
    splunk_ca_file: str = Field(
        "", description="... PEM file of the CA that its certificate is of; empty for public ones"
    )
