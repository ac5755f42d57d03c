package sma.streaming.window;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;

/**
 * One series: its events, and how far each of its windows has been stated.
 *
 * <p>Rows of all windows are stated up to one instant, {@code closedMs}, which the partition keeps; so what is saved of
 * a series does not depend on which windows there are.
 */
public final class Series {
    static final long NEVER = Long.MAX_VALUE;
    static final int HEADER_BYTES = 6 * Long.BYTES;

    public final String customer;
    public final String metric;

    private final EventBuffer events;
    private final Rules rules;
    private final Window[] windows;
    private long newestMs = Long.MIN_VALUE;

    /** By window: the first grid point not stated yet that may have a row; NEVER where only a new event can make one. */
    private final long[] next;

    // Where the front and the end of each window were last, to look from there.
    private final long[] fronts;
    private final long[] ends;
    private long keptFrom;
    private long closedEnd;

    /** The least of next for which the partition has this series in its queue. */
    long queuedFor = NEVER;

    // Events since the last statement: the oldest, and the oldest and newest of those that change stated rows.
    private long oldestAddedMs = NEVER;
    private long oldestCorrectingMs = NEVER;
    private long newestCorrectingMs = Long.MIN_VALUE;
    boolean isChanged;

    Series(String customer, String metric, Rules rules, ChunkStore store) {
        this(customer, metric, rules, new EventBuffer(store));
    }

    private Series(String customer, String metric, Rules rules, EventBuffer events) {
        this.customer = customer;
        this.metric = metric;
        this.rules = rules;
        this.events = events;
        windows = rules.windows().toArray(Window[]::new);
        next = new long[windows.length];
        Arrays.fill(next, NEVER);
        fronts = new long[windows.length];
        ends = new long[windows.length];
    }

    /** Restores a series whose rows are stated up to {@code closedMs}. */
    static Series restore(
            String customer, String metric, Rules rules, ChunkStore store, byte[] saved, long closedMs) {
        ByteBuffer header = ByteBuffer.wrap(saved);
        long newestMs = header.getLong();
        Series series = new Series(customer, metric, rules, EventBuffer.readHeader(header, store));
        series.newestMs = newestMs;
        for (int index = 0; index < series.windows.length; index++) {
            Window window = series.windows[index];
            series.fronts[index] = series.events.end();
            series.ends[index] = series.events.end();
            series.next[index] = window.isCount() && newestMs < closedMs - window.everyMs()
                    ? NEVER
                    : window.firstAsOfAfter(closedMs);
        }
        series.closedEnd = series.events.end();
        series.keptFrom = series.events.first();
        return series;
    }

    byte[] save() {
        events.save();
        ByteBuffer header = ByteBuffer.allocate(HEADER_BYTES).putLong(newestMs);
        events.writeHeader(header);
        isChanged = false;
        return header.array();
    }

    /** The newest event time so far; the smallest long before the first event. */
    long newestMs() {
        return newestMs;
    }

    boolean isLate(long eventTimeMs) {
        return newestMs != Long.MIN_VALUE && eventTimeMs < newestMs - rules.allowedLatenessMs();
    }

    /** Adds an event that is not late; rows up to {@code closedMs} are stated already. */
    void add(long eventTimeMs, long valueMicros, long kafkaOffset, long closedMs) {
        events.add(eventTimeMs, valueMicros, kafkaOffset);
        newestMs = Math.max(newestMs, eventTimeMs);
        oldestAddedMs = Math.min(oldestAddedMs, eventTimeMs);
        if (eventTimeMs < closedMs) {
            oldestCorrectingMs = Math.min(oldestCorrectingMs, eventTimeMs);
            newestCorrectingMs = Math.max(newestCorrectingMs, eventTimeMs);
        }
    }

    /**
     * States anew the rows that events added since the last call have changed, then for the first time those in
     * (closedBeforeMs, closedMs]; returns the next grid point for which it may be of use to call again.
     */
    long state(long closedBeforeMs, long closedMs, Statements statements) {
        long due = NEVER;
        for (int index = 0; index < windows.length; index++) {
            Window window = windows[index];
            if (oldestCorrectingMs != NEVER) {
                correct(index, closedBeforeMs, statements);
            }
            if (oldestAddedMs != NEVER) {
                next[index] = Math.min(next[index], window.firstAsOfAfter(Math.max(oldestAddedMs, closedBeforeMs)));
            }
            next[index] = stateFrom(index, next[index], closedMs, Long.MAX_VALUE, statements);
            due = Math.min(due, next[index]);
        }
        oldestAddedMs = NEVER;
        oldestCorrectingMs = NEVER;
        newestCorrectingMs = Long.MIN_VALUE;
        evict(closedMs);
        return due;
    }

    private void correct(int index, long closedMs, Statements statements) {
        Window window = windows[index];
        long from = window.firstAsOfAfter(oldestCorrectingMs);
        if (window.isCount()) {
            long past = events.firstAtOrAfter(newestCorrectingMs + 1, ends[index]);
            stateFrom(index, from, closedMs, past, statements);
        } else {
            stateFrom(index, from, Math.min(closedMs, newestCorrectingMs + window.durationMs()), NEVER, statements);
        }
    }

    /**
     * States the rows of one window at grid points from {@code asOf} to {@code last}, as long as the window's front
     * stands before the event {@code past}; returns the next grid point that may have a row.
     */
    private long stateFrom(int index, long asOf, long last, long past, Statements statements) {
        Window window = windows[index];
        long point = asOf;
        long front = fronts[index];
        long end = ends[index];
        while (point <= last) {
            end = events.firstAtOrAfter(point, end);
            if (window.isCount()) {
                front = Math.max(events.first(), end - window.eventCount());
                if (front >= past) {
                    break;
                }
                if (end > events.first() && events.timeMs(end - 1) >= point - window.everyMs()) {
                    if (events.first() == 0 || end - window.eventCount() >= events.first()) {
                        row(window, point, front, end, statements);
                    }
                }
                point = end == events.end() ? NEVER : window.firstAsOfAfter(events.timeMs(end));
                continue;
            }
            front = events.firstAtOrAfter(point - window.durationMs(), front);
            if (front < end) {
                if (point - window.durationMs() > events.lastEvictedMs()) {
                    row(window, point, front, end, statements);
                }
                point += window.everyMs();
            } else {
                point = end == events.end() ? NEVER : window.firstAsOfAfter(events.timeMs(end));
            }
        }
        fronts[index] = front;
        ends[index] = end;
        return point;
    }

    private void row(Window window, long asOf, long front, long end, Statements statements) {
        long low = events.sumLow(end);
        long frontLow = events.sumLow(front);
        long high = events.sumHigh(end) - events.sumHigh(front) - (Long.compareUnsigned(low, frontLow) < 0 ? 1 : 0);
        statements.row(this, window, asOf, high, low - frontLow, end - front, events.newestOffset(end - 1));
    }

    /** Evicts what no row needs that can still be stated or corrected: those after both instants below. */
    private void evict(long closedMs) {
        long lowestMs = Math.min(closedMs, newestMs - rules.allowedLatenessMs());
        long longestMs = rules.longestDurationMs();
        if (longestMs > 0) {
            keptFrom = events.firstAtOrAfter(lowestMs - longestMs, keptFrom);
        }
        closedEnd = events.firstAtOrAfter(lowestMs, closedEnd);
        long kept = closedEnd - rules.largestEventCount();
        events.evictBefore(longestMs > 0 ? Math.min(kept, keptFrom) : kept);
    }
}
