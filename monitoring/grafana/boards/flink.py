"""The dashboard of the Flink job: whether it runs and keeps up, and how its checkpoints are."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from monitoring.grafana.panels import board, figure, lines


def build() -> Dashboard:
    """Return the dashboard."""
    return (
        board("sma-flink", "Flink job", "The job, its checkpoints, and the processes it runs in.")
        .with_row(Row("Job"))
        .with_panel(figure("Job", "sma_job_up", "bool_on_off", "Whether it and each of its tasks runs", bad_to=1))
        .with_panel(figure("Runs for", "sma_job_uptime_seconds", "s", "Since it was submitted"))
        .with_panel(figure("Restarts", "sma_job_restarts", "short", "Since it was submitted", bad_from=3))
        .with_panel(figure("Last checkpoint", "sma_checkpoint_age_seconds", "s", "Its age", bad_from=60))
        .with_panel(figure("Failed checkpoints", "sma_checkpoints_failed", "short", "Since it was submitted"))
        .with_panel(
            figure(
                "Task managers", "flink_jobmanager_numRegisteredTaskManagers", "short", "That have registered", bad_to=1
            )
        )
        .with_row(Row("Work"))
        .with_panel(
            lines(
                "Busy",
                "percentunit",
                "Share of a task's time; near 1 it can take no more",
                ("max by (task_name) (flink_taskmanager_job_task_busyTimeMsPerSecond) / 1000", "{{task_name}}"),
            )
        )
        .with_panel(
            lines(
                "Held up",
                "percentunit",
                "Share of a task's time that it waits for the next one, as for the database",
                (
                    "max by (task_name) (flink_taskmanager_job_task_backPressuredTimeMsPerSecond) / 1000",
                    "{{task_name}}",
                ),
            )
        )
        .with_panel(
            lines(
                "Records in",
                "cps",
                "By task",
                ("sum by (task_name) (flink_taskmanager_job_task_numRecordsInPerSecond)", "{{task_name}}"),
            )
        )
        .with_panel(
            lines(
                "Watermark",
                "dateTimeAsIso",
                "By partition",
                ("sma_watermark_timestamp_seconds * 1000", "partition {{partition}}"),
            )
        )
        .with_row(Row("Checkpoints"))
        .with_panel(
            lines("Duration", "ms", "Of the newest", ("flink_jobmanager_job_lastCheckpointDuration", "duration"))
        )
        .with_panel(lines("Size", "bytes", "Of the newest", ("flink_jobmanager_job_lastCheckpointSize", "size")))
        .with_row(Row("Processes"))
        .with_panel(
            lines(
                "Heap",
                "bytes",
                "Used",
                ("flink_jobmanager_Status_JVM_Memory_Heap_Used", "JobManager"),
                ("flink_taskmanager_Status_JVM_Memory_Heap_Used", "TaskManager"),
                span=8,
            )
        )
        .with_panel(
            lines(
                "Processor",
                "percentunit",
                "Share of the machine",
                ("flink_jobmanager_Status_JVM_CPU_Load", "JobManager"),
                ("flink_taskmanager_Status_JVM_CPU_Load", "TaskManager"),
                span=8,
            )
        )
        .with_panel(
            lines(
                "Collecting garbage",
                "percentunit",
                "Share of the time",
                ("flink_jobmanager_Status_JVM_GarbageCollector_All_TimeMsPerSecond / 1000", "JobManager"),
                ("flink_taskmanager_Status_JVM_GarbageCollector_All_TimeMsPerSecond / 1000", "TaskManager"),
                span=8,
            )
        )
    )
