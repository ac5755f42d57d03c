package sma.streaming.window;

/**
 * The grid on which an average is emitted: every multiple of {@code everyMs} since the Unix epoch, before it as behind it.
 *
 * <pre>
 * -10      -5       0        5        10       every 5 ms
 *  |        |    t  |        |        |
 *                after(t) = 0,  atOrAfter(t) = 0;  after(0) = 5,  atOrAfter(0) = 0
 * </pre>
 *
 * <p>Times are in milliseconds since the epoch. All of the operator's grid arithmetic is here.
 */
public final class Grid {
    private Grid() {}

    /** The first grid point after a time: of a window of any length, the first one that can hold an event of that time. */
    public static long after(long timeMs, long everyMs) {
        return timeMs - Math.floorMod(timeMs, everyMs) + everyMs;
    }

    /** The first grid point at or after a time. */
    public static long atOrAfter(long timeMs, long everyMs) {
        return timeMs + Math.floorMod(-timeMs, everyMs);
    }

    /** The grid point behind a grid point. */
    public static long next(long asOfMs, long everyMs) {
        return asOfMs + everyMs;
    }
}
