"""`make dashboards`: writes the dashboards' JSON from their Python."""

from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from monitoring.grafana.boards import flink, kafka, pipeline, reconciliation, series

FOLDER = Path(__file__).with_name("dashboards")
_BOARDS = (pipeline, flink, kafka, reconciliation, series)


def dashboards() -> dict[str, str]:
    """Return each dashboard as Grafana takes it, by the name of its file."""
    made = {}
    for board in _BOARDS:
        built = board.build().build()
        for number, panel in enumerate(built.panels or (), start=1):
            panel.id_val = number
        made[f"{built.uid}.json"] = JSONEncoder(sort_keys=True, indent=2).encode(built) + "\n"
    return made


if __name__ == "__main__":
    for name, text in dashboards().items():
        (FOLDER / name).write_text(text)
