package sma.streaming.job;

/**
 * An event that enters no window, where it stands in the log, and how new its series was before it.
 *
 * @param value decimal text
 */
public record LateEvent(
        int partition,
        long kafkaOffset,
        String customer,
        String metric,
        long eventTimeMs,
        String value,
        long newestEventTimeMs) {}
