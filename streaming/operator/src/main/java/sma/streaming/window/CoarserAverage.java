package sma.streaming.window;

import java.math.BigInteger;
import java.util.ArrayDeque;

/**
 * Rows of an average over a duration, derived from the rows of one over a shorter duration that divides it.
 *
 * <p>The shorter windows must not overlap, so only their rows come in whose {@code as_of} is a multiple of their duration
 * from this average's offset on: each event is in exactly one of them. A derived row is the sum of the finer rows in its window: added at one end,
 * evicted at the other. Sums are exact whatever their size.
 */
public final class CoarserAverage {
    private final Average average;
    private final long startMs;
    private final long endMs;
    private final Rows rows;
    private final ArrayDeque<FinerRow> inWindow = new ArrayDeque<>();

    private BigInteger sumMicros = BigInteger.ZERO;
    private long eventCount;
    private long nextAsOfMs;

    /** Takes the rows that are derived. */
    @FunctionalInterface
    public interface Rows {
        void row(long asOfMs, BigInteger sumMicros, long eventCount);
    }

    private record FinerRow(long asOfMs, BigInteger sumMicros, long eventCount) {}

    /**
     * Begins without any rows.
     *
     * @param average has a duration window
     * @param startMs no window begins before
     * @param endMs no window ends after
     * @param rows takes what is derived
     */
    public CoarserAverage(Average average, long startMs, long endMs, Rows rows) {
        this.average = average;
        this.startMs = startMs;
        this.endMs = endMs;
        this.rows = rows;
    }

    /** Takes the next finer row of a series; they come in the order of {@code as_of}. O(1) amortised, and O(rows derived). */
    public void add(long asOfMs, BigInteger finerSumMicros, long finerEventCount) {
        deriveBefore(asOfMs);
        if (inWindow.isEmpty()) {
            nextAsOfMs = average.asOfAtOrAfter(asOfMs);
        }
        inWindow.add(new FinerRow(asOfMs, finerSumMicros, finerEventCount));
        sumMicros = sumMicros.add(finerSumMicros);
        eventCount = Math.addExact(eventCount, finerEventCount);
    }

    /** Derives the last rows of a series, and is ready for another one. */
    public void finish() {
        deriveBefore(endMs + 1);
        inWindow.clear();
        sumMicros = BigInteger.ZERO;
        eventCount = 0;
    }

    private void deriveBefore(long limitMs) {
        while (!inWindow.isEmpty() && nextAsOfMs < limitMs) {
            while (!inWindow.isEmpty() && inWindow.peek().asOfMs <= nextAsOfMs - average.durationMs()) {
                FinerRow evicted = inWindow.poll();
                sumMicros = sumMicros.subtract(evicted.sumMicros);
                eventCount -= evicted.eventCount;
            }
            if (!inWindow.isEmpty() && nextAsOfMs - average.durationMs() >= startMs && nextAsOfMs <= endMs) {
                rows.row(nextAsOfMs, sumMicros, eventCount);
            }
            nextAsOfMs = Grid.next(nextAsOfMs, average.everyMs());
        }
    }
}
