package sma.streaming.window;

import java.nio.ByteBuffer;
import sma.streaming.record.Limits;

/**
 * From which time on all events of a series are known, in a partition whose first records Kafka no longer has.
 *
 * <p>The origin is the first record that was read; nothing is known of those before. Kafka took them before the origin,
 * so their log times are not after its timestamp. And a log has its events about in order: their log times are not after
 * those of the first events that were read and of the first one of their series, but for the allowed lateness. An event
 * time is at most {@code maxAheadMs} after its log time. So from there on everything is known, and no row is emitted whose
 * window reaches further back. The batch layer has the same rule in {@code sma/origin.py}.
 */
final class Origin {
    static final int BYTES = Integer.BYTES + 2 * Long.BYTES;

    /** Where Kafka has the partition from its first record on. */
    static final long EVERYTHING = Long.MIN_VALUE;

    private static final int IS_WHOLE = -1;
    private static final int NOT_BEGUN = Limits.ORIGIN_EVENTS + 1;

    /** How many events are still looked at. */
    private int wanted;

    private long appendedMs = Long.MAX_VALUE;
    private long maxLogTimeMs = Long.MIN_VALUE;

    private Origin(int wanted) {
        this.wanted = wanted;
    }

    static Origin of(boolean isWhole) {
        return new Origin(isWhole ? IS_WHOLE : NOT_BEGUN);
    }

    /** Looks at the next records of the partition: at the first events, or fewer if a heartbeat is among them. */
    void take(EventBlock block) {
        if (wanted <= 0) {
            return;
        }
        if (wanted == NOT_BEGUN) {
            wanted = Limits.ORIGIN_EVENTS;
            appendedMs = block.appendedMs;
        }
        boolean hasHeartbeat = block.heartbeats > 0 && block.eventsBeforeHeartbeat < wanted;
        int events = hasHeartbeat ? block.eventsBeforeHeartbeat : Math.min(wanted, block.events);
        for (int event = 0; event < events; event++) {
            maxLogTimeMs = Math.max(maxLogTimeMs, block.logTimesMs[event]);
        }
        wanted -= events;
        if (hasHeartbeat) {
            maxLogTimeMs = Math.max(maxLogTimeMs, block.firstHeartbeatMs);
            wanted = 0;
        }
    }

    /** The time from which on all events of a series are known, by the log time of the first one that was read. */
    long knownFromMs(long firstLogTimeMs, Averages config) {
        if (wanted == IS_WHOLE) {
            return EVERYTHING;
        }
        long inOrderMs = Math.max(maxLogTimeMs, firstLogTimeMs) + config.allowedLatenessMs();
        return Math.min(appendedMs, inOrderMs) + config.maxAheadMs() + 1;
    }

    void write(ByteBuffer header) {
        header.putInt(wanted).putLong(appendedMs).putLong(maxLogTimeMs);
    }

    static Origin read(ByteBuffer header) {
        Origin origin = new Origin(header.getInt());
        origin.appendedMs = header.getLong();
        origin.maxLogTimeMs = header.getLong();
        return origin;
    }
}
