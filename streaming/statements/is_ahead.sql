-- Does a record's time stand more than max_ahead ahead of its timestamp? Not where it has no time or no timestamp.
(
    record_timestamp <> TO_TIMESTAMP_LTZ($no_timestamp_ms, 3)
    AND TO_TIMESTAMP_LTZ(COALESCE(event_time_ms, heartbeat_ms) - $max_ahead_ms, 3) > record_timestamp
) IS TRUE
