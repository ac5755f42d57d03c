"""Defines what the settings of every part have in common."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

CHECKOUT = Path(__file__).resolve().parent.parent.parent


class Part(BaseSettings):
    """What every part has: how its variables are named, the state folder and the averages file."""

    model_config = SettingsConfigDict(env_prefix="SMA_", extra="ignore", frozen=True)

    state_dir: Path = Field(CHECKOUT / ".local", description="folder of everything that the local stack writes")
    averages: Path = Field(CHECKOUT / "averages.yaml", description="the averages file")
