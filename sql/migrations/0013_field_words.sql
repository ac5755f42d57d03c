-- Columns and comments in the field's words. The columns renamed are written and read by the batch layer alone. The one that
-- a running job writes keeps its name, streaming_averages.newest_offset: a job of the version before would fail at its next
-- row, and then no savepoint of it could be taken.
ALTER TABLE sma.batch_days RENAME COLUMN closed_until TO low_watermark;
ALTER TABLE sma.indexed_partitions RENAME COLUMN newest_time_ms TO max_time_ms;
ALTER TABLE sma.offset_blocks RENAME COLUMN oldest_event_ms TO min_event_time_ms;
ALTER TABLE sma.offset_blocks RENAME COLUMN newest_event_ms TO max_event_time_ms;
ALTER TABLE sma.indexed_series RENAME COLUMN newest_event_ms TO max_event_time_ms;
ALTER TABLE sma.late_events RENAME COLUMN newest_event_ms TO max_event_time_before_ms;

COMMENT ON TABLE sma.streaming_averages IS 'The streaming layer''s rows: written by Flink alone, upserted.';
COMMENT ON COLUMN sma.streaming_averages.newest_offset IS
    'source offset: the largest Kafka offset of an event of the series before as_of, as far as the stream had read; the version of the row, which no row of a smaller one replaces';
COMMENT ON TABLE sma.batch_averages IS 'The batch layer''s rows, computed from the retained log: written by Dagster alone.';

COMMENT ON TABLE sma.batch_days IS
    'Each stored batch result, of a day and an average: which part of the log it was computed from. Replaced together with the rows of its day.';
COMMENT ON COLUMN sma.batch_days.read_to IS 'partition -> first Kafka offset that was not read';
COMMENT ON COLUMN sma.batch_days.low_watermark IS
    'the lowest watermark of the partitions when they were read, plus 1 ms: windows with a later as_of were still open';
COMMENT ON COLUMN sma.batch_days.resume_key IS
    'identifies the computation that wrote the result; a run with the same key skips the days that are finished';

COMMENT ON TABLE sma.reconciliations IS 'One row for each day and average that a run compared. Rows are added, never changed.';
COMMENT ON TABLE sma.differences IS
    'The windows in which a run found the two layers to differ, each with both pairs and its class. Rows are added, never changed.';
COMMENT ON COLUMN sma.differences.is_explained IS
    'whether the window, recomputed without the events that the stream could not have, equals the streamed row';
COMMENT ON COLUMN sma.differences.late_event_count IS 'late events in the window';
COMMENT ON TABLE sma.accounting IS
    'For each run and partition: records = events_used + late_events + rejected_events + heartbeats, or something was lost. Late and rejected events as counted in the stream''s side outputs, records and heartbeats as read by the batch layer.';
COMMENT ON TABLE sma.corrections IS
    'Rows of batch_averages that a later run replaced, removed or added: before and after. Rows are added, never changed.';
COMMENT ON COLUMN sma.corrections.value_sum_before IS 'null where there was no row';
COMMENT ON COLUMN sma.corrections.value_sum_after IS 'null where there is no row any more';
COMMENT ON TABLE sma.averages IS
    'averages.yaml as it was last stored. An average that is no longer in the file stays here, as its rows stay.';

COMMENT ON TABLE sma.indexed_partitions IS 'How far each partition of the log is indexed, and by which rule of lateness.';
COMMENT ON COLUMN sma.indexed_partitions.next_offset IS 'one past the last record that is indexed';
COMMENT ON COLUMN sma.indexed_partitions.max_time_ms IS
    'max event time or heartbeat, in milliseconds since the epoch; null where there is neither';
COMMENT ON TABLE sma.offset_blocks IS
    'Blocks of the offset index: the records at first_offset <= Kafka offset < next_offset, counted, and the min and max event time of those that are not late.';
COMMENT ON COLUMN sma.offset_blocks.event_count IS 'events that are not late';
COMMENT ON TABLE sma.indexed_series IS
    'The max event time of each series as far as it is indexed; whether its next event is late depends on it.';
COMMENT ON TABLE sma.series_days IS 'Events of each series on each day (UTC) of their event time, without the late ones.';
COMMENT ON COLUMN sma.series_days.next_offset IS
    'how far the partition was indexed, one past the last record, when an event of the day was last added';
COMMENT ON TABLE sma.late_events IS
    'Late events by the rule of lateness: in no window of the stream, in every window of the batch layer.';
COMMENT ON COLUMN sma.late_events.max_event_time_before_ms IS 'max event time of the series before this event in the log';
COMMENT ON TABLE sma.rejected_events IS 'Records that are neither an event nor a heartbeat, as the batch layer read them.';

COMMENT ON COLUMN sma.refreshes.request_id IS 'id that Power BI gave the request; null where none was accepted';
COMMENT ON COLUMN sma.refreshes.looked_at IS 'when Power BI was last asked about the open request and gave no final status';
COMMENT ON COLUMN sma.refreshes.status IS
    'null while open; failed, cancelled, disabled and timed_out as Power BI reports them; unknown where it reported none';
COMMENT ON COLUMN sma.refreshes.retry_at IS 'the time before which Power BI refuses another request because of a quota';
COMMENT ON COLUMN sma.refreshes.streamed_at IS 'when the stream last emitted a row of that window';
COMMENT ON TABLE sma.refreshed_days IS
    'The days that each refresh updates, with the newest reconciliation that was visible before its request was sent.';
COMMENT ON COLUMN sma.refreshed_days.reconciled_at IS 'of the newest reconciliation of the day that was visible then';
COMMENT ON FUNCTION sma.unrefreshed_days IS
    'Days whose newest reconciliation no completed refresh contains, and the time of that reconciliation.';
