package sma.streaming.job;

/**
 * A record that is neither an event nor a heartbeat, its place in the log, and why.
 *
 * @param key what is shown of its key
 * @param value what is shown of its value
 */
public record RejectedEvent(
        int partition, long kafkaOffset, long recordTimestampMs, String reason, Excerpt key, Excerpt value) {
    private static final int KEY_BYTES = 512;
    private static final int VALUE_BYTES = 4_096;

    RejectedEvent(LogRecord record, String reason) {
        this(
                record.partition,
                record.offset,
                record.timestampMs,
                reason,
                BoundedBytes.excerpt(record.key, record.keyLength, KEY_BYTES),
                BoundedBytes.excerpt(record.value, record.valueLength, VALUE_BYTES));
    }
}
