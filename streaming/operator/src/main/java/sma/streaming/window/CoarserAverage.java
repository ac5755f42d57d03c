package sma.streaming.window;

import java.math.BigInteger;
import java.util.ArrayDeque;

/**
 * Rows of an average over a duration, derived from the rows of one over a shorter duration that divides it.
 *
 * <p>The shorter windows must not overlap, so of their rows those are given whose {@code as_of} is a multiple of their
 * duration: each event is then in one of them. A row is the sum of those in its window: added at one end, evicted at the
 * other. Sums are exact whatever their size.
 */
public final class CoarserAverage {
    private final Window window;
    private final long startMs;
    private final long endMs;
    private final Rows rows;
    private final ArrayDeque<Part> parts = new ArrayDeque<>();

    private BigInteger sumMicros = BigInteger.ZERO;
    private long eventCount;
    private long nextAsOfMs;

    /** Takes the rows that are derived. */
    @FunctionalInterface
    public interface Rows {
        void row(long asOfMs, BigInteger sumMicros, long eventCount);
    }

    private record Part(long asOfMs, BigInteger sumMicros, long eventCount) {}

    /**
     * Begins without any rows.
     *
     * @param window a duration window
     * @param startMs no window begins before
     * @param endMs no window ends after
     * @param rows takes what is derived
     */
    public CoarserAverage(Window window, long startMs, long endMs, Rows rows) {
        this.window = window;
        this.startMs = startMs;
        this.endMs = endMs;
        this.rows = rows;
    }

    /** Takes the next row of a series; rows come in the order of {@code as_of}. O(1) on average, and O(rows derived). */
    public void add(long asOfMs, BigInteger partSumMicros, long partEventCount) {
        deriveBefore(asOfMs);
        if (parts.isEmpty()) {
            nextAsOfMs = -Math.floorDiv(-asOfMs, window.everyMs()) * window.everyMs();
        }
        parts.add(new Part(asOfMs, partSumMicros, partEventCount));
        sumMicros = sumMicros.add(partSumMicros);
        eventCount = Math.addExact(eventCount, partEventCount);
    }

    /** Derives what is left of a series, and is ready for another one. */
    public void finish() {
        deriveBefore(endMs + 1);
        parts.clear();
        sumMicros = BigInteger.ZERO;
        eventCount = 0;
    }

    private void deriveBefore(long limitMs) {
        while (!parts.isEmpty() && nextAsOfMs < limitMs) {
            while (!parts.isEmpty() && parts.peek().asOfMs <= nextAsOfMs - window.durationMs()) {
                Part evicted = parts.poll();
                sumMicros = sumMicros.subtract(evicted.sumMicros);
                eventCount -= evicted.eventCount;
            }
            if (!parts.isEmpty() && nextAsOfMs - window.durationMs() >= startMs && nextAsOfMs <= endMs) {
                rows.row(nextAsOfMs, sumMicros, eventCount);
            }
            nextAsOfMs += window.everyMs();
        }
    }
}
