package sma.streaming.window;

import java.io.Serializable;

/**
 * One average: its name, its window, and the grid on which it is stated.
 *
 * <p>A row at the grid point T holds, for a duration window, the events with T - durationMs <= t < T; for a count
 * window, the last eventCount events with t < T, if one of them has T - everyMs <= t.
 *
 * @param eventCount of a count window; 0 for a duration window
 * @param durationMs of a duration window, a whole multiple of everyMs; 0 for a count window
 */
public record Window(String average, long eventCount, long durationMs, long everyMs) implements Serializable {

    boolean isCount() {
        return eventCount > 0;
    }

    /** The first grid point after a time: the first one whose window can hold an event of that time. */
    long firstAsOfAfter(long timeMs) {
        return timeMs - Math.floorMod(timeMs, everyMs) + everyMs;
    }
}
