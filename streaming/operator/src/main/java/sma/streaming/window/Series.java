package sma.streaming.window;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;

/**
 * One series: its events, and how far each of its averages has been emitted.
 *
 * <p>Rows of all averages are emitted up to one instant, {@code firedUntilMs}, which the partition keeps. So what is saved
 * of a series does not depend on which averages there are, and one that is added finds its events.
 */
public final class Series {
    static final long NEVER = Long.MAX_VALUE;
    static final int HEADER_BYTES = 8 * Long.BYTES;

    public final String customer;
    public final String metric;

    private final EventBuffer events;
    private final Averages config;
    private final Average[] averages;
    private long maxEventTimeMs = Long.MIN_VALUE;
    private long maxLogTimeMs = Lateness.NO_EVENT_MS;
    private long firstLogTimeMs = Lateness.NO_EVENT_MS;

    /** By average: the first grid point not emitted yet that may have a row; NEVER where only a new event can make one. */
    private final long[] next;

    // Where the front and the end of each window were last, to search from there.
    private final long[] fronts;
    private final long[] ends;
    private long keptFrom;
    private long settledEnd;

    /** The least of next for which the partition has this series in its queue. */
    long queuedFor = NEVER;

    // Events since the last firing: the oldest, and the oldest and newest of those that change emitted rows.
    private long oldestAddedMs = NEVER;
    private long oldestCorrectingMs = NEVER;
    private long newestCorrectingMs = Long.MIN_VALUE;
    boolean isChanged;

    Series(String customer, String metric, Averages config, ChunkStore store) {
        this(customer, metric, config, new EventBuffer(store));
    }

    private Series(String customer, String metric, Averages config, EventBuffer events) {
        this.customer = customer;
        this.metric = metric;
        this.config = config;
        this.events = events;
        averages = config.averages().toArray(Average[]::new);
        next = new long[averages.length];
        Arrays.fill(next, NEVER);
        fronts = new long[averages.length];
        ends = new long[averages.length];
    }

    /** Restores a series whose rows are emitted up to {@code firedUntilMs}. */
    static Series restore(
            String customer, String metric, Averages config, ChunkStore store, byte[] saved, long firedUntilMs) {
        ByteBuffer header = ByteBuffer.wrap(saved);
        long maxEventTimeMs = header.getLong();
        long maxLogTimeMs = header.getLong();
        Series series = new Series(customer, metric, config, EventBuffer.readHeader(header, store));
        series.maxEventTimeMs = maxEventTimeMs;
        series.maxLogTimeMs = maxLogTimeMs;
        series.firstLogTimeMs = header.hasRemaining() ? header.getLong() : maxLogTimeMs; // none in older state
        for (int index = 0; index < series.averages.length; index++) {
            Average average = series.averages[index];
            series.fronts[index] = series.events.end();
            series.ends[index] = series.events.end();
            series.next[index] = average.isCount() && maxEventTimeMs < firedUntilMs - average.everyMs()
                    ? NEVER
                    : average.asOfAfter(firedUntilMs);
        }
        series.settledEnd = series.events.end();
        series.keptFrom = series.events.first();
        return series;
    }

    byte[] save() {
        events.save();
        ByteBuffer header = ByteBuffer.allocate(HEADER_BYTES).putLong(maxEventTimeMs).putLong(maxLogTimeMs);
        events.writeHeader(header);
        header.putLong(firstLogTimeMs);
        isChanged = false;
        return header.array();
    }

    /** The max log time so far, of late events too; {@link Lateness#NO_EVENT_MS} before the first event. */
    long maxLogTimeMs() {
        return maxLogTimeMs;
    }

    /** The log time of the first event; {@link Lateness#NO_EVENT_MS} before it. */
    long firstLogTimeMs() {
        return firstLogTimeMs;
    }

    boolean isLate(long eventTimeMs) {
        return Lateness.isLate(eventTimeMs, maxLogTimeMs, config.allowedLatenessMs());
    }

    /** Adds an event that is not late; rows up to {@code firedUntilMs} are emitted already. */
    void add(long eventTimeMs, long logTimeMs, long valueMicros, long kafkaOffset, long firedUntilMs) {
        events.add(eventTimeMs, valueMicros, kafkaOffset);
        if (firstLogTimeMs == Lateness.NO_EVENT_MS) {
            firstLogTimeMs = logTimeMs;
        }
        maxEventTimeMs = Math.max(maxEventTimeMs, eventTimeMs);
        maxLogTimeMs = Math.max(maxLogTimeMs, logTimeMs);
        oldestAddedMs = Math.min(oldestAddedMs, eventTimeMs);
        if (eventTimeMs < firedUntilMs) {
            oldestCorrectingMs = Math.min(oldestCorrectingMs, eventTimeMs);
            newestCorrectingMs = Math.max(newestCorrectingMs, eventTimeMs);
        }
    }

    /**
     * Emits again the rows that events added since the last call have changed, then for the first time those in
     * (firedBeforeMs, firedUntilMs]; returns the next grid point for which another call may emit something. A window
     * that reaches before {@code knownFromMs} has no row.
     */
    long fire(long firedBeforeMs, long firedUntilMs, long knownFromMs, Emitter emitter) {
        long due = NEVER;
        for (int index = 0; index < averages.length; index++) {
            Average average = averages[index];
            if (oldestCorrectingMs != NEVER) {
                fireAgain(index, firedBeforeMs, knownFromMs, emitter);
            }
            if (oldestAddedMs != NEVER) {
                next[index] = Math.min(next[index], average.asOfAfter(Math.max(oldestAddedMs, firedBeforeMs)));
            }
            next[index] = fireFrom(index, next[index], firedUntilMs, Long.MAX_VALUE, knownFromMs, emitter);
            due = Math.min(due, next[index]);
        }
        oldestAddedMs = NEVER;
        oldestCorrectingMs = NEVER;
        newestCorrectingMs = Long.MIN_VALUE;
        evict(firedUntilMs);
        return due;
    }

    private void fireAgain(int index, long firedUntilMs, long knownFromMs, Emitter emitter) {
        Average average = averages[index];
        long from = average.asOfAfter(oldestCorrectingMs);
        if (average.isCount()) {
            long past = events.firstAtOrAfter(newestCorrectingMs + 1, ends[index]);
            fireFrom(index, from, firedUntilMs, past, knownFromMs, emitter);
        } else {
            long last = Math.min(firedUntilMs, newestCorrectingMs + average.durationMs());
            fireFrom(index, from, last, NEVER, knownFromMs, emitter);
        }
    }

    /**
     * Emits the rows of one average at grid points from {@code asOf} to {@code last}, as long as the window's front is
     * before the event {@code past}; returns the next grid point that may have a row.
     */
    private long fireFrom(int index, long asOf, long last, long past, long knownFromMs, Emitter emitter) {
        Average average = averages[index];
        long point = asOf;
        long front = fronts[index];
        long end = ends[index];
        while (point <= last) {
            end = events.firstAtOrAfter(point, end);
            if (average.isCount()) {
                front = Math.max(events.first(), end - average.eventCount());
                if (front >= past) {
                    break;
                }
                if (end > events.first() && events.timeMs(end - 1) >= point - average.everyMs()) {
                    if (isKnown(end - average.eventCount(), knownFromMs)) {
                        row(average, point, front, end, emitter);
                    }
                }
                point = end == events.end() ? NEVER : average.asOfAfter(events.timeMs(end));
                continue;
            }
            front = events.firstAtOrAfter(point - average.durationMs(), front);
            if (front < end) {
                long fromMs = point - average.durationMs();
                if (fromMs > events.lastEvictedMs() && fromMs >= knownFromMs) {
                    row(average, point, front, end, emitter);
                }
                point = Grid.next(point, average.everyMs());
            } else {
                point = end == events.end() ? NEVER : average.asOfAfter(events.timeMs(end));
            }
        }
        fronts[index] = front;
        ends[index] = end;
        return point;
    }

    /** Whether all events of a count window are known: those from an index on, which is negative where there were fewer. */
    private boolean isKnown(long front, long knownFromMs) {
        if (knownFromMs == Origin.EVERYTHING) {
            return events.first() == 0 || front >= events.first();
        }
        return front >= events.first() && events.timeMs(front) >= knownFromMs;
    }

    private void row(Average average, long asOf, long front, long end, Emitter emitter) {
        long low = events.sumLow(end);
        long frontLow = events.sumLow(front);
        long high = events.sumHigh(end) - events.sumHigh(front) - (Long.compareUnsigned(low, frontLow) < 0 ? 1 : 0);
        emitter.row(this, average, asOf, high, low - frontLow, end - front, events.newestOffset(end - 1));
    }

    /** Evicts the events that no row can need which is still to be emitted or corrected. */
    private void evict(long firedUntilMs) {
        long earliestInTimeMs = Lateness.earliestInTimeMs(maxLogTimeMs, config.allowedLatenessMs());
        long settledMs = Math.min(firedUntilMs, earliestInTimeMs);
        long longestMs = config.longestDurationMs();
        if (longestMs > 0) {
            keptFrom = events.firstAtOrAfter(settledMs - longestMs, keptFrom);
        }
        settledEnd = events.firstAtOrAfter(settledMs, settledEnd);
        long kept = settledEnd - config.largestEventCount();
        events.evictBefore(longestMs > 0 ? Math.min(kept, keptFrom) : kept);
    }
}
