package sma.streaming.window;

/**
 * The grid on which an average is emitted: {@code offsetMs} since the Unix epoch, and every multiple of {@code everyMs}
 * before it and behind it.
 *
 * <pre>
 * -8       -3       2        7        12       every 5 ms, offset 2 ms
 *  |        |    t  |        |        |
 *                after(t) = 2,  atOrAfter(t) = 2;  after(2) = 7,  atOrAfter(2) = 2
 * </pre>
 *
 * <p>Times are in milliseconds since the epoch. All of the operator's grid arithmetic is here.
 */
public final class Grid {
    private Grid() {}

    /** The first grid point after a time: of a window of any length, the first one that can hold an event of that time. */
    public static long after(long timeMs, long everyMs, long offsetMs) {
        return timeMs - Math.floorMod(timeMs - offsetMs, everyMs) + everyMs;
    }

    /** The first grid point at or after a time. */
    public static long atOrAfter(long timeMs, long everyMs, long offsetMs) {
        return timeMs + Math.floorMod(offsetMs - timeMs, everyMs);
    }

    /** The grid point behind a grid point. */
    public static long next(long asOfMs, long everyMs) {
        return asOfMs + everyMs;
    }
}
