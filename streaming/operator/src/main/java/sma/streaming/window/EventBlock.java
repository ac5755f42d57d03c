package sma.streaming.window;

import java.util.Arrays;

/**
 * Records of one partition that follow one another in the log: the events one by one, the others counted.
 *
 * <p>Columns, filled up to {@link #events} and {@link #seriesCount}; reused by whoever fills them.
 */
public final class EventBlock {
    private static final int FEW = 16;

    public int partition;

    /** The Kafka offset of the first record. */
    public long firstOffset;

    /** One past the Kafka offset of the last record. */
    public long nextOffset;

    /** When Kafka took the first record; the largest long where nothing says when. */
    public long appendedMs;

    public long heartbeats;

    /** How many events come before the first heartbeat, and its log time; of no meaning without one. */
    public int eventsBeforeHeartbeat;

    public long firstHeartbeatMs;

    public long rejected;

    /** The max log time of an event or a heartbeat; the smallest long where there is none. */
    public long maxLogTimeMs;

    public int events;
    public long[] timesMs = new long[FEW];

    /** The same as {@link #timesMs}, but for events from a clock that was ahead of Kafka's. */
    public long[] logTimesMs = new long[FEW];

    public long[] valuesMicros = new long[FEW];

    /** From {@link #firstOffset} on. */
    public int[] offsets = new int[FEW];

    /** By event: which of {@link #series}. */
    public int[] seriesOf = new int[FEW];

    public int seriesCount;

    /** {@code customer/metric} in UTF-8. */
    public byte[][] series = new byte[FEW][];

    /** Empties the block, for records of a partition from an offset on. */
    public void clear(int newPartition, long offset) {
        partition = newPartition;
        firstOffset = offset;
        nextOffset = offset;
        appendedMs = Long.MAX_VALUE;
        heartbeats = 0;
        eventsBeforeHeartbeat = 0;
        firstHeartbeatMs = 0;
        rejected = 0;
        maxLogTimeMs = Long.MIN_VALUE;
        events = 0;
        seriesCount = 0;
    }

    public long records() {
        return events + heartbeats + rejected;
    }

    public void addEvent(int seriesIndex, long offset, long timeMs, long logTimeMs, long valueMicros) {
        reserveEvents(events + 1);
        timesMs[events] = timeMs;
        logTimesMs[events] = logTimeMs;
        valuesMicros[events] = valueMicros;
        offsets[events] = (int) (offset - firstOffset);
        seriesOf[events++] = seriesIndex;
        maxLogTimeMs = Math.max(maxLogTimeMs, logTimeMs);
    }

    public void addHeartbeat(long logTimeMs) {
        if (heartbeats == 0) {
            eventsBeforeHeartbeat = events;
            firstHeartbeatMs = logTimeMs;
        }
        heartbeats++;
        maxLogTimeMs = Math.max(maxLogTimeMs, logTimeMs);
    }

    /** Returns the index of a series not in the block yet. */
    public int addSeries(byte[] name) {
        reserveSeries(seriesCount + 1);
        series[seriesCount] = name;
        return seriesCount++;
    }

    public void reserveEvents(int wanted) {
        if (wanted > timesMs.length) {
            int capacity = Math.max(wanted, 2 * timesMs.length);
            timesMs = Arrays.copyOf(timesMs, capacity);
            logTimesMs = Arrays.copyOf(logTimesMs, capacity);
            valuesMicros = Arrays.copyOf(valuesMicros, capacity);
            offsets = Arrays.copyOf(offsets, capacity);
            seriesOf = Arrays.copyOf(seriesOf, capacity);
        }
    }

    public void reserveSeries(int wanted) {
        if (wanted > series.length) {
            series = Arrays.copyOf(series, Math.max(wanted, 2 * series.length));
        }
    }
}
