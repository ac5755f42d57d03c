"""The dashboard of Kafka and lag: what the log holds, how far the job has read, and what Kafka will keep."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from monitoring.grafana.panels import board, figure, lines


def build() -> Dashboard:
    """Return the dashboard."""
    return (
        board("sma-kafka", "Kafka and lag", "The log of events, partition by partition, and how far it has been read.")
        .with_row(Row("Lag"))
        .with_panel(figure("Lag", "sum(sma_consumer_lag_events)", "short", "Records not read, in all partitions"))
        .with_panel(
            figure(
                "Oldest",
                "max(sma_consumer_lag_seconds)",
                "s",
                "How long the oldest of them has been there",
                bad_from=60,
            )
        )
        .with_panel(
            figure(
                "Not covered",
                "sum(sma_log_end_offset - sma_consumer_committed_offset)",
                "short",
                "Records that no completed checkpoint covers: read again after a failure",
            )
        )
        .with_panel(
            figure("Records held", "sum(sma_log_end_offset - sma_log_start_offset)", "short", "By the log, at most")
        )
        .with_panel(
            figure("Days to reconcile", "sma_days_to_reconcile", "short", "Whose records Kafka must still hold")
        )
        .with_panel(figure("Days lost", "sma_days_lost", "short", "Whose records Kafka has dropped", bad_from=1))
        .with_panel(
            lines("Lag in events", "short", "By partition", ("sma_consumer_lag_events", "partition {{partition}}"))
        )
        .with_panel(
            lines("Lag in seconds", "s", "By partition", ("sma_consumer_lag_seconds", "partition {{partition}}"))
        )
        .with_panel(
            lines(
                "Open transactions",
                "s",
                "Age of the oldest, by topic and partition; the job's own last until the next checkpoint",
                ("sma_open_transaction_age_seconds", "{{topic}} {{partition}}"),
            )
        )
        .with_row(Row("Log"))
        .with_panel(
            lines(
                "Sent",
                "cps",
                "Records a second, by partition",
                ("rate(sma_log_end_offset[1m])", "partition {{partition}}"),
            )
        )
        .with_panel(
            lines(
                "Read",
                "cps",
                "Records a second, by partition",
                ("rate(sma_consumer_position[1m])", "partition {{partition}}"),
            )
        )
        .with_panel(
            lines(
                "Offsets",
                "short",
                "First held, read and last, of all partitions",
                ("sum(sma_log_start_offset)", "first"),
                ("sum(sma_consumer_position)", "read"),
                ("sum(sma_log_end_offset)", "end"),
            )
        )
        .with_panel(
            lines(
                "Retention",
                "s",
                "Until Kafka drops what is still needed, where that is in sight; and how long reconciling takes",
                ("sma_retention_seconds_left or sma_retention_seconds_needed", "left, if in sight"),
                ("sma_retention_seconds_needed", "needed"),
            )
        )
    )
