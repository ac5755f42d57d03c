"""What Dagster does not make, but should show: the topics, the stream's table, and the view that readers see."""

import dagster as dg

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
    dg.TableColumn("customer", "string"),
    dg.TableColumn("metric", "string"),
    dg.TableColumn("event_time", "integer", description="milliseconds since the Unix epoch, UTC"),
    dg.TableColumn("value", "string", description="decimal number"),
]
AVERAGES_COLUMNS = dg.TableSchema(
    columns=[
        dg.TableColumn("customer", "text"),
        dg.TableColumn("metric", "text"),
        dg.TableColumn("average", "text", description="its name in averages.yaml"),
        dg.TableColumn("as_of", "timestamptz", description="end of the window, exclusive"),
        dg.TableColumn("value_sum", "numeric(38,6)", description="exact sum of the values in the window"),
        dg.TableColumn("event_count", "bigint", description="number of events in the window"),
        dg.TableColumn("written_at", "timestamptz"),
    ]
)

events = dg.AssetSpec(
    "events",
    description="The retained log: one record per event or heartbeat, keyed by customer/metric.",
    group_name=LOG,
    owners=[DATA_PLATFORM],
    kinds={"kafka"},
    metadata={"dagster/column_schema": dg.TableSchema(columns=_EVENT)},
)
streaming_averages = dg.AssetSpec(
    "streaming_averages",
    deps=[events],
    description="What the stream said: early, and wrong about late events. Written by Flink alone.",
    group_name=STREAM,
    owners=[DATA_PLATFORM],
    kinds={"flink", "postgres"},
    metadata={"dagster/column_schema": AVERAGES_COLUMNS},
)
late_events = dg.AssetSpec(
    "late_events",
    deps=[events],
    description="Events further behind their series' newest than allowed_lateness; they stand in no streamed window.",
    group_name=STREAM,
    owners=[DATA_PLATFORM],
    kinds={"flink", "kafka"},
    metadata={
        "dagster/column_schema": dg.TableSchema(
            columns=[
                *_POSITION,
                *_EVENT,
                dg.TableColumn("newest_event_time", "integer", description="of its series, before it in the log"),
            ]
        )
    },
)
rejected_events = dg.AssetSpec(
    "rejected_events",
    deps=[events],
    description="Records that cannot be read as an event, with the reason and their bytes.",
    group_name=STREAM,
    owners=[DATA_PLATFORM],
    kinds={"flink", "kafka"},
    metadata={"dagster/column_schema": dg.TableSchema(columns=_POSITION)},
)
moving_averages = dg.AssetSpec(
    "moving_averages",
    deps=["streaming_averages", "batch_averages", "reconciliations"],
    description="serving.moving_averages, what readers see: the batch answer where there is one, else the stream's.",
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
        )
    },
)
