"""Reads settings that one variable does not hold: a secret's file, settings under a common name, Kafka's principals."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource

from sma.errors import SmaError
from sma.settings.kafka_parts import CREDENTIALS, KAFKA_PARTS, SECRET_CREDENTIALS

_PREFIX = "sma_"
_FILE = "_file"
_CLIENT = "sma_kafka_client_"


def composed(settings_class: type[BaseSettings], variables: PydanticBaseSettingsSource) -> PydanticBaseSettingsSource:
    """Return the source of what is put together from the variables of another source.

    Raises:
        SmaError: a secret's file cannot be read.
    """
    if not isinstance(variables, EnvSettingsSource):
        raise TypeError("not a source of variables")
    given = {name.lower(): value for name, value in variables.env_vars.items() if value}
    return _Composed(settings_class, given)


class _Composed(PydanticBaseSettingsSource):
    def __init__(self, settings_class: type[BaseSettings], given: Mapping[str, str]) -> None:
        super().__init__(settings_class)
        self._given = given

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        fields = self.settings_cls.model_fields
        secrets = {name for name, field in fields.items() if field.annotation is SecretStr}
        values: dict[str, Any] = _secrets(self._given, secrets, "")
        if "kafka_client" in fields:
            options = {n.removeprefix(_CLIENT): v for n, v in self._given.items() if n.startswith(_CLIENT)}
            values |= (
                {"kafka_client": {key.replace("_", "."): value for key, value in options.items()}} if options else {}
            )
        if "kafka_principals" in fields:
            principals = _principals(self._given)
            values |= {"kafka_principals": principals} if principals else {}
        return values


def _principals(given: Mapping[str, str]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for part in KAFKA_PARTS:
        own = f"kafka_{part}_"
        plain = {name: given[variable] for name in CREDENTIALS if (variable := f"{_PREFIX}{own}{name}") in given}
        principal = _secrets(given, SECRET_CREDENTIALS, own) | plain
        if principal:
            found[part] = principal
    return found


def _secrets(given: Mapping[str, str], names: Collection[str], prefix: str) -> dict[str, str]:
    """Return the secrets whose files are named, without the line's end; a secret itself takes precedence."""
    return {
        name: _content(variable, given[variable])
        for name in names
        if (variable := f"{_PREFIX}{prefix}{name}{_FILE}") in given and variable.removesuffix(_FILE) not in given
    }


def _content(variable: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise SmaError(f"{variable.upper()}: {path}: {reason}") from error
