"""Defines what the settings of every part have in common."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from sma.settings.sources import composed

CHECKOUT = Path(__file__).resolve().parent.parent.parent


class Part(BaseSettings):
    """What every part has: how its variables are named, the state folder and the averages file."""

    model_config = SettingsConfigDict(env_prefix="SMA_", extra="ignore", frozen=True)

    state_dir: Path = Field(CHECKOUT / ".local", description="folder of everything that the local stack writes")
    averages: Path = Field(CHECKOUT / "averages.yaml", description="the averages file")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return where values are looked for, the first first: of a secret its variable, then its file."""
        return (
            init_settings,
            env_settings,
            composed(settings_cls, env_settings),
            dotenv_settings,
            composed(settings_cls, dotenv_settings),
        )
