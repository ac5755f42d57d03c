package sma.streaming.job;

/**
 * An event that enters no window, and its place in the log.
 *
 * @param value decimal text
 * @param maxLogTimeMs of its series before it
 */
public record LateEvent(
        int partition,
        long kafkaOffset,
        String customer,
        String metric,
        long eventTimeMs,
        String value,
        long maxLogTimeMs) {}
