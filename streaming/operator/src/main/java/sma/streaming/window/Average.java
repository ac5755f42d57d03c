package sma.streaming.window;

import java.io.Serializable;

/**
 * One average: its name, its window, and the grid on which it is emitted.
 *
 * <p>A row at the grid point T holds, for a duration window, the events with T - durationMs <= t < T; for a count
 * window, the last eventCount events with t < T, if one of them has T - everyMs <= t.
 *
 * @param eventCount of a count window; 0 for a duration window
 * @param durationMs of a duration window, a whole multiple of everyMs; 0 for a count window
 * @param offsetMs from the Unix epoch to the first grid point at or after it
 */
public record Average(String name, long eventCount, long durationMs, long everyMs, long offsetMs) implements Serializable {

    public boolean isCount() {
        return eventCount > 0;
    }

    /** The first grid point after a time. */
    long asOfAfter(long timeMs) {
        return Grid.after(timeMs, everyMs, offsetMs);
    }

    /** The first grid point at or after a time. */
    long asOfAtOrAfter(long timeMs) {
        return Grid.atOrAfter(timeMs, everyMs, offsetMs);
    }
}
