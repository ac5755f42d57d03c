package sma.streaming.window;

/**
 * The rule of lateness: an event is late iff it is further behind its series than is allowed.
 *
 * <p>How far its series is, is the max log time of the events of its series that are before it in the log. The log time of
 * an event is its time, or Kafka's timestamp of its record where that is earlier, so a clock that is ahead makes no other
 * event late. The rule is one of the log: it uses no clock and no watermark, so the batch layer finds the same events late.
 */
final class Lateness {
    /** The max log time of a series without an event. */
    static final long NO_EVENT_MS = Long.MIN_VALUE;

    private Lateness() {}

    /** Whether an event is late; the first one of a series is not. */
    static boolean isLate(long eventTimeMs, long maxLogTimeMs, long allowedLatenessMs) {
        return maxLogTimeMs != NO_EVENT_MS && eventTimeMs < earliestInTimeMs(maxLogTimeMs, allowedLatenessMs);
    }

    /** The earliest event time that is not late in a series that has an event. */
    static long earliestInTimeMs(long maxLogTimeMs, long allowedLatenessMs) {
        return maxLogTimeMs - allowedLatenessMs;
    }
}
