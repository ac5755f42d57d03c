"""The overview dashboard: whether each part works."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from monitoring.grafana.panels import board, figure, lines


def build() -> Dashboard:
    """Return the dashboard."""
    return (
        board(
            "sma-pipeline", "Pipeline overview", "Everything at a glance: what is red has a runbook in docs/runbooks."
        )
        .with_row(Row("Now"))
        .with_panel(
            figure(
                "Alerts that fire",
                'count(ALERTS{alertstate="firing", severity!=""}) or vector(0)',
                "short",
                "docs/runbooks has a page for each",
                bad_from=1,
            )
        )
        .with_panel(figure("Job", "sma_job_up", "bool_on_off", "Whether the Flink job and each task runs", bad_to=1))
        .with_panel(
            figure("Lag", "max(sma_consumer_lag_seconds)", "s", "Age of the oldest record not read", bad_from=60)
        )
        .with_panel(
            figure(
                "Unexplained differences",
                "sum(sma_unexplained_differences) or vector(0)",
                "short",
                "Windows in which the layers differ and late events do not explain it: a defect or a loss",
                bad_from=1,
            )
        )
        .with_panel(
            figure(
                "Unaccounted for",
                "sum(abs(sma_accounting_residue)) + sum(abs(sma_stream_residue)) or sum(abs(sma_stream_residue))",
                "short",
                "Records that are neither used, late, rejected nor heartbeats",
                bad_from=1,
            )
        )
        .with_panel(
            figure(
                "Power BI behind",
                "sma_readers_behind_seconds or on() (sma_refresh_enabled - 1)",
                "s",
                "How long rows wait that the model does not have; -1 where no model is refreshed",
                bad_from=1800,
            )
        )
        .with_row(Row("Flow"))
        .with_panel(
            lines(
                "Records",
                "cps",
                "Sent to Kafka, and read by the job",
                ("sum(rate(sma_log_end_offset[1m]))", "sent"),
                ("sum(rate(sma_consumer_position[1m]))", "read"),
            )
        )
        .with_panel(
            lines(
                "What became of them",
                "cps",
                "As the job's operator counts",
                ("sum by (fate) (rate(sma_stream_records_total[1m]))", "{{fate}}"),
            )
        )
        .with_panel(lines("Lag", "s", "By partition", ("sma_consumer_lag_seconds", "partition {{partition}}")))
        .with_panel(
            lines(
                "Data age",
                "s",
                "Since the newest window, by event time: a log of the past is old",
                ("max by (stage) (sma_data_age_seconds)", "{{stage}}"),
            )
        )
        .with_row(Row("Parts"))
        .with_panel(
            lines("Sources that answer", "short", "1 up, 0 down", ("sma_collector_up", "{{collector}}"), span=8)
        )
        .with_panel(
            lines(
                "Dagster runs",
                "short",
                "Under way or ended within an hour",
                ("sum by (status) (sma_dagster_runs) or vector(0)", "{{status}}"),
                span=8,
            )
        )
        .with_panel(
            lines(
                "Disk",
                "percentunit",
                "Left on the disk of the state folder",
                ("sma_disk_free_bytes / sma_disk_size_bytes", "free"),
                span=8,
            )
        )
    )
