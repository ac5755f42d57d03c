package sma.streaming.window;

/** Takes what {@link PartitionAverages} states; nothing handed over may be kept but what is immutable. */
public interface Statements {
    /**
     * States a row, for the first time or anew.
     *
     * @param sumHigh the upper half of the sum, a 128-bit whole number of micro-units
     * @param newestOffset of all events before {@code asOfMs}: the row follows from the log up to there, so of two
     *     statements of one row that with the larger one counts, and equal ones are the same
     */
    void row(
            Series series,
            Window window,
            long asOfMs,
            long sumHigh,
            long sumLow,
            long eventCount,
            long newestOffset);

    /** States that an event is late, and with it the newest event time of its series before it. */
    void late(Series series, long kafkaOffset, long eventTimeMs, long valueMicros, long newestEventTimeMs);
}
