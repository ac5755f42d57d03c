package sma.streaming.window;

/** Takes what {@link PartitionAverages} emits; nothing handed over may be kept but what is immutable. */
public interface Emitter {
    /**
     * Takes a row: the first firing of its window, or a later one that corrects it.
     *
     * @param sumHigh the upper half of the sum, a 128-bit whole number of micro-units
     * @param newestOffset the largest Kafka offset of all events before {@code asOfMs}. The row is computed from the log
     *     up to there, so of two firings of one row the one with the larger offset counts; with equal ones they are equal
     */
    void row(
            Series series,
            Average average,
            long asOfMs,
            long sumHigh,
            long sumLow,
            long eventCount,
            long newestOffset);

    /** Takes a late event, and the max log time of its series before it. */
    void late(Series series, long kafkaOffset, long eventTimeMs, long valueMicros, long maxLogTimeMs);
}
