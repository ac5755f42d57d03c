"""The settings of the Power BI model: where it is, and who asks for a refresh. Off where none is set."""

from dataclasses import dataclass

from pydantic import SecretStr

from powerbi.refresh.partitions import Granularity
from sma.durations import parse_duration
from sma.errors import SmaError
from sma.settings import PowerBiSettings

_NEEDED = (
    "powerbi_tenant_id",
    "powerbi_client_id",
    "powerbi_client_secret",
    "powerbi_workspace_id",
    "powerbi_dataset_id",
)
OFF = "off: SMA_POWERBI_TENANT_ID, _CLIENT_ID, _CLIENT_SECRET, _WORKSPACE_ID and _DATASET_ID are not set"


@dataclass(frozen=True, slots=True)
class Model:
    """One semantic model in one workspace, the service principal that refreshes it, and how."""

    token_url: str
    refreshes_url: str
    client_id: str
    client_secret: SecretStr
    enhanced: bool
    partitioned_tables: tuple[str, ...]
    other_tables: tuple[str, ...]
    granularity: Granularity
    periods: int
    max_parallelism: int
    timeout_s: float
    every_s: float
    per_day: int


def model_of(settings: PowerBiSettings) -> Model | None:
    """Return the model of the settings; None where it is off.

    Raises:
        SmaError: some of what is needed is set, and some is not.
    """
    values = {name: getattr(settings, name) for name in _NEEDED}
    is_set = {n: bool(v.get_secret_value() if isinstance(v, SecretStr) else v) for n, v in values.items()}
    if not any(is_set.values()):
        return None
    missing = [f"SMA_{name.upper()}" for name, is_present in is_set.items() if not is_present]
    if missing:
        raise SmaError(f"{', '.join(missing)}: not set, but others of SMA_POWERBI_* are: set all five, or none")
    workspace, dataset = settings.powerbi_workspace_id, settings.powerbi_dataset_id
    return Model(
        token_url=f"{settings.powerbi_login_url.rstrip('/')}/{settings.powerbi_tenant_id}/oauth2/v2.0/token",
        refreshes_url=f"{settings.powerbi_url.rstrip('/')}/groups/{workspace}/datasets/{dataset}/refreshes",
        client_id=settings.powerbi_client_id,
        client_secret=settings.powerbi_client_secret,
        enhanced=settings.powerbi_enhanced,
        partitioned_tables=_names(settings.powerbi_partitioned_tables),
        other_tables=_names(settings.powerbi_other_tables),
        granularity=settings.powerbi_granularity,
        periods=settings.powerbi_periods,
        max_parallelism=settings.powerbi_max_parallelism,
        timeout_s=parse_duration(settings.powerbi_timeout) / 1000,
        every_s=parse_duration(settings.powerbi_refresh_every) / 1000,
        per_day=0 if settings.powerbi_enhanced else settings.powerbi_per_day,
    )


def _names(listed: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in listed.split(",") if name.strip())
