package sma.streaming.job;

/**
 * A record that is neither an event nor a heartbeat, its place in the log, and why.
 *
 * @param raw its bytes; null where it has none
 */
public record RejectedEvent(int partition, long kafkaOffset, long recordTimestampMs, String reason, byte[] raw) {

    RejectedEvent(LogRecord record, String reason) {
        this(record.partition, record.offset, record.timestampMs, reason, record.value);
    }
}
