"""The dashboard of reconciliation: whether the layers agree, differences are explained and records accounted for."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from monitoring.grafana.panels import board, figure, lines, sql_table

_RECONCILIATIONS = """
SELECT
    reconciled_at AS time,
    day,
    average,
    windows_compared,
    changed,
    missing_in_stream,
    extra_in_stream,
    explained,
    unexplained,
    duration_seconds,
    run_id
FROM sma.reconciliations
ORDER BY reconciled_at DESC
LIMIT 100
"""
_DIFFERENCES = """
SELECT
    as_of,
    customer,
    metric,
    average,
    class,
    is_explained,
    late_event_count,
    stream_sma,
    batch_sma
FROM serving.differences
ORDER BY is_explained, instant DESC
LIMIT 100
"""


def build() -> Dashboard:
    """Return the dashboard."""
    return (
        board(
            "sma-reconciliation", "Reconciliation and quality", "The results of comparing the layers.", since="now-24h"
        )
        .with_row(Row("Now"))
        .with_panel(
            figure("Unexplained", "sum(sma_unexplained_differences)", "short", "A defect or a loss", bad_from=1)
        )
        .with_panel(
            figure("Damaged", "sum(sma_unexplained_corrections)", "short", "Stored rows, within a day", bad_from=1)
        )
        .with_panel(figure("Explained", "sum(sma_explained_differences)", "short", "By late events, and repaired"))
        .with_panel(
            figure("Unaccounted for", "sum(abs(sma_accounting_residue))", "short", "Records of the log", bad_from=1)
        )
        .with_panel(figure("Reconciled", "sma_reconciliation_age_seconds", "s", "So long ago"))
        .with_panel(figure("Late events", "sma_late_events", "short", "In the log, counted by the batch layer"))
        .with_panel(figure("Rejected events", "sma_rejected_events", "short", "In the log, counted by the batch layer"))
        .with_row(Row("Differences"))
        .with_panel(
            lines(
                "By average",
                "short",
                "Windows that differ in the newest reconciliation of each day",
                ("sma_explained_differences", "{{average}}, explained"),
                ("sma_unexplained_differences", "{{average}}, unexplained"),
            )
        )
        .with_panel(lines("By class", "short", "...", ("sum by (class) (sma_differences)", "{{class}}")))
        .with_panel(sql_table("Differences", "Unexplained first; sma explain traces one", _DIFFERENCES))
        .with_panel(sql_table("Reconciliations", "The newest first", _RECONCILIATIONS))
        .with_row(Row("Database"))
        .with_panel(lines("Size", "bytes", "Tables, with indexes", ("sma_hypertable_size_bytes", "{{table}}"), span=8))
        .with_panel(lines("Sessions", "short", "By state", ("sma_database_connections", "{{state}}"), span=8))
        .with_panel(
            lines(
                "Transactions",
                "cps",
                "Ended",
                ("sum by (outcome) (rate(sma_database_transactions_total[1m]))", "{{outcome}}"),
                span=8,
            )
        )
    )
