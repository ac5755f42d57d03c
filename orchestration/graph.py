"""Declares what Dagster shows but does not materialize: the topics, the stream's table, the serving view.

Links are built from settings alone: no service is called while definitions load.
"""

from typing import Any

import dagster as dg

from sma.settings import CHECKOUT, load_settings

STREAM = "streaming"
SERVING = "serving"
LOG = "log"

DATA_PLATFORM = "team:data-platform"
ANALYTICS = "team:analytics"

_POSITION = [
    dg.TableColumn("partition", "integer", description="partition of the topic `events`"),
    dg.TableColumn("kafka_offset", "bigint", description="position in that partition"),
]
_EVENT = [
    dg.TableColumn("customer", "string", description="with the metric: the series"),
    dg.TableColumn("metric", "string", description="with the customer: the series"),
    dg.TableColumn("event_time", "integer", description="milliseconds since the Unix epoch, UTC"),
    dg.TableColumn("value", "string", description="decimal number"),
]
AVERAGES_COLUMNS = dg.TableSchema(
    columns=[
        dg.TableColumn("customer", "text", description="with the metric: the series"),
        dg.TableColumn("metric", "text", description="with the customer: the series"),
        dg.TableColumn("average", "text", description="its name in averages.yaml"),
        dg.TableColumn("as_of", "timestamptz", description="end of the window, exclusive"),
        dg.TableColumn("value_sum", "numeric(38,6)", description="exact sum of the values in the window"),
        dg.TableColumn("event_count", "bigint", description="number of events in the window"),
        dg.TableColumn("written_at", "timestamptz", description="when the row was written, by the database's clock"),
    ]
)

BLOCK_COLUMNS = dg.TableSchema(
    columns=[
        dg.TableColumn("kafka_partition", "integer", description="partition of the topic `events`"),
        dg.TableColumn("first_offset", "bigint", description="first Kafka offset of the block"),
        dg.TableColumn("next_offset", "bigint", description="first Kafka offset after the block"),
        dg.TableColumn("event_count", "bigint", description="events that are not late"),
        dg.TableColumn("late_event_count", "bigint", description="late by the rule of lateness"),
        dg.TableColumn("rejected_event_count", "bigint", description="records that are neither event nor heartbeat"),
        dg.TableColumn("heartbeat_count", "bigint", description="they advance the watermark only"),
        dg.TableColumn("min_event_time_ms", "bigint", description="event time, milliseconds since the Unix epoch, UTC"),
        dg.TableColumn("max_event_time_ms", "bigint", description="likewise; of events that are not late"),
    ]
)
RECONCILIATIONS_COLUMNS = dg.TableSchema(
    columns=[
        dg.TableColumn("run_id", "text", description="the Dagster run"),
        dg.TableColumn("day", "date", description="UTC"),
        dg.TableColumn("average", "text", description="its name in averages.yaml"),
        dg.TableColumn("windows_compared", "bigint", description="windows of which either layer has a row"),
        dg.TableColumn("equal", "bigint", description="both layers have the same pair"),
        dg.TableColumn("changed", "bigint", description="both have a row, and the pairs differ"),
        dg.TableColumn("missing_in_stream", "bigint", description="the batch layer alone has a row"),
        dg.TableColumn("extra_in_stream", "bigint", description="the stream alone has a row"),
        dg.TableColumn("explained", "bigint", description="differences that late events explain"),
        dg.TableColumn(
            "unexplained", "bigint", description="differences that late events do not explain: a defect or a loss"
        ),
        dg.TableColumn("read_to", "jsonb", description="partition -> first Kafka offset not read"),
        dg.TableColumn("duration_seconds", "numeric(12,3)", description="comparing and classifying"),
        dg.TableColumn("reconciled_at", "timestamptz", description="when the tables were read, in one snapshot"),
    ]
)
AUDITS_COLUMNS = dg.TableSchema(
    columns=[
        dg.TableColumn("run_id", "text", description="the Dagster run"),
        dg.TableColumn("day", "date", description="UTC"),
        dg.TableColumn("average", "text", description="its name in averages.yaml"),
        dg.TableColumn("is_recomputed", "boolean", description="false: Kafka lost the events, rows were counted"),
        dg.TableColumn("corrections", "bigint", description="stored rows that were wrong, and are right now"),
        dg.TableColumn("unexplained_corrections", "bigint", description="of them, those that no new event explains"),
        dg.TableColumn(
            "unexplained_differences", "bigint", description="streamed rows that late events do not explain"
        ),
        dg.TableColumn("damaged", "bigint", description="windows known to be damaged, and not repaired"),
        dg.TableColumn("audited_at", "timestamptz", description="when the row was written"),
    ]
)
_DIFFERENCES_COLUMNS = dg.TableSchema(
    columns=[
        dg.TableColumn("run_id", "text", description="the Dagster run"),
        *AVERAGES_COLUMNS.columns[:4],
        dg.TableColumn("class", "text", description="changed, missing_in_stream or extra_in_stream"),
        dg.TableColumn("is_explained", "boolean", description="whether late events explain it to the last digit"),
        dg.TableColumn("late_event_count", "bigint", description="late events in the window"),
        dg.TableColumn("stream_value_sum", "numeric(38,6)", description="null where the stream has no row"),
        dg.TableColumn("stream_event_count", "bigint", description="likewise"),
        dg.TableColumn("batch_value_sum", "numeric(38,6)", description="null where the batch layer has no row"),
        dg.TableColumn("batch_event_count", "bigint", description="likewise"),
        dg.TableColumn(
            "of_one_partition", "boolean", description="explained: the stream has that of one partition only"
        ),
        dg.TableColumn("reconciled_at", "timestamptz", description="when the tables were read, in one snapshot"),
    ]
)


def docs(page: str) -> dict[str, Any]:
    """Return the link to a page of the documentation, as metadata."""
    return {"docs": dg.MetadataValue.path(CHECKOUT / "docs" / page)}


def _flink() -> dict[str, Any]:
    return {"flink": dg.MetadataValue.url(load_settings().flink_url)}


events = dg.AssetSpec(
    "events",
    description="The retained log: one record per event or heartbeat, keyed by customer/metric.",
    group_name=LOG,
    owners=[DATA_PLATFORM],
    kinds={"kafka"},
    metadata={"dagster/column_schema": dg.TableSchema(columns=_EVENT), **docs("producing.md")},
)
streaming_averages = dg.AssetSpec(
    "streaming_averages",
    deps=[events],
    description="The rows that the stream emitted: early, and without late events. Only Flink writes them.",
    group_name=STREAM,
    owners=[DATA_PLATFORM],
    kinds={"flink", "postgres"},
    metadata={"dagster/column_schema": AVERAGES_COLUMNS, **docs("operating.md"), **_flink()},
)
late_events = dg.AssetSpec(
    "late_events",
    deps=[events],
    description="Events more than allowed_lateness behind the max event time of their series; in no streamed window.",
    group_name=STREAM,
    owners=[DATA_PLATFORM],
    kinds={"flink", "kafka"},
    metadata={
        "dagster/column_schema": dg.TableSchema(
            columns=[
                *_POSITION,
                *_EVENT,
                dg.TableColumn("newest_log_time", "integer", description="of its series, before it in the log"),
            ]
        ),
        **docs("operating.md"),
        **_flink(),
    },
)
rejected_events = dg.AssetSpec(
    "rejected_events",
    deps=[events],
    description="Records that cannot be read as an event, with the reason and their bytes.",
    group_name=STREAM,
    owners=[DATA_PLATFORM],
    kinds={"flink", "kafka"},
    metadata={"dagster/column_schema": dg.TableSchema(columns=_POSITION), **docs("operating.md"), **_flink()},
)
moving_averages_topic = dg.AssetSpec(
    "moving_averages_topic",
    deps=[events],
    description="The topic moving_averages: each row as the stream emits it, for subscribers.",
    group_name=STREAM,
    owners=[DATA_PLATFORM],
    kinds={"flink", "kafka"},
    metadata={"dagster/column_schema": AVERAGES_COLUMNS, **docs("operating.md"), **_flink()},
)
differences = dg.AssetSpec(
    "differences",
    deps=["reconciliations"],
    description="One row for each differing window: both pairs, the class, and whether late events explain it.",
    group_name="batch",
    owners=[DATA_PLATFORM],
    kinds={"postgres"},
    metadata={"dagster/column_schema": _DIFFERENCES_COLUMNS, **docs("dagster.md")},
)
moving_averages = dg.AssetSpec(
    "moving_averages",
    deps=["streaming_averages", "batch_averages", "reconciliations"],
    description="serving.moving_averages, what readers see: the batch result where there is one, else the stream's.",
    group_name=SERVING,
    owners=[ANALYTICS],
    kinds={"postgres", "view"},
    metadata={
        "dagster/column_schema": dg.TableSchema(
            columns=[
                *(column for column in AVERAGES_COLUMNS.columns if column.name != "written_at"),
                dg.TableColumn("is_full", "boolean", description="whether a window of N events holds N"),
                dg.TableColumn("sma", "numeric", description="value_sum / event_count, 9 decimals"),
                dg.TableColumn("source", "text", description="batch or stream"),
                dg.TableColumn("is_final", "boolean", description="a batch row whose day has been reconciled"),
            ]
        ),
        **docs("architecture.md"),
    },
)
EXTERNAL = [
    events,
    streaming_averages,
    late_events,
    rejected_events,
    moving_averages_topic,
    differences,
    moving_averages,
]
