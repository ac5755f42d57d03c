package sma.streaming.window;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;

/**
 * The averages of all series of one partition of the log.
 *
 * <p>A function of the log: which rows are emitted after a block, and which events are late, depends on the records up
 * to there and on nothing else; not on how they are cut into blocks, nor on when the state is saved and restored.
 *
 * <pre>
 * records ─► late? ─► events of their series ─► watermark passes a window's end ─► first firing
 *              │                    └─► an event in a window that has fired ─────► late firing: the row again
 *              └─► late events
 * </pre>
 *
 * <p>The watermark of a partition is its max log time, of events and heartbeats, less the delay. A row is emitted once the
 * watermark has reached the last millisecond of its window, and again when an event that is not late changes it.
 */
public final class PartitionAverages {
    private static final int FORMAT = 3;

    /** Has no origin: what was emitted from it took the log as whole, and goes on as it was. */
    private static final int FORMAT_WITHOUT_ORIGIN = 2;

    private static final int HEADER_BYTES = 2 * Integer.BYTES + 2 * Long.BYTES + Account.BYTES + Origin.BYTES;

    private final Averages averages;
    private final PartitionStore store;
    private final Emitter emitter;
    private final Map<String, Series> series = new HashMap<>();
    private final PriorityQueue<Due> queue = new PriorityQueue<>();
    private final Account account;
    private final Origin origin;

    private int partition = -1;
    private long maxLogTimeMs = Long.MIN_VALUE;

    /** Rows up to this {@code as_of} have been emitted: the watermark's next millisecond, which never goes back. */
    private long firedUntilMs = Long.MIN_VALUE;

    private Series[] inBlock = new Series[16];
    private List<Series> changed = new ArrayList<>();
    private List<Series> changedBefore = new ArrayList<>();

    /** A series that may have a row to emit at a grid point; of no effect if the series is queued for another. */
    private record Due(long asOfMs, Series series) implements Comparable<Due> {
        @Override
        public int compareTo(Due other) {
            return Long.compare(asOfMs, other.asOfMs);
        }
    }

    /**
     * Continues from what is in the store; emits at once what a watermark delay shorter than before lets pass.
     *
     * @param isWhole where nothing is in the store: whether Kafka has the partition from its first record on
     */
    public PartitionAverages(Averages averages, PartitionStore store, Emitter emitter, boolean isWhole) {
        this.averages = averages;
        this.store = store;
        this.emitter = emitter;
        byte[] saved = store.loadHeader();
        if (saved == null) {
            account = new Account();
            origin = Origin.of(isWhole);
            return;
        }
        ByteBuffer header = ByteBuffer.wrap(saved);
        int format = header.getInt();
        if (format != FORMAT && format != FORMAT_WITHOUT_ORIGIN) {
            throw new IllegalStateException(
                    "the state has format " + format + ", this version reads " + FORMAT_WITHOUT_ORIGIN + " and " + FORMAT + ": start with --fresh");
        }
        partition = header.getInt();
        maxLogTimeMs = header.getLong();
        long firedBeforeMs = header.getLong();
        account = Account.read(header);
        origin = format == FORMAT ? Origin.read(header) : Origin.of(true);
        firedUntilMs = firedBeforeMs;
        advance(maxLogTimeMs);
        for (Map.Entry<String, byte[]> entry : store.series()) {
            String name = entry.getKey();
            Series restored = Series.restore(
                    customerOf(name), metricOf(name), averages, store.chunksOf(name), entry.getValue(), firedBeforeMs);
            series.put(name, restored);
            fire(restored, firedBeforeMs);
        }
    }

    /** The partition's number; negative before the first record. */
    public int partition() {
        return partition;
    }

    public Account account() {
        return account;
    }

    /** The max log time less the delay; the smallest long before the partition has a time. */
    public long watermarkMs() {
        return maxLogTimeMs == Long.MIN_VALUE ? Long.MIN_VALUE : maxLogTimeMs - averages.watermarkDelayMs();
    }

    /**
     * Takes the next records of the partition.
     *
     * @throws IllegalStateException they were taken before
     */
    public void process(EventBlock block) {
        begin(block);
        origin.take(block);
        long firedBeforeMs = firedUntilMs;
        findSeries(block);
        for (int event = 0; event < block.events; event++) {
            Series to = inBlock[block.seriesOf[event]];
            long timeMs = block.timesMs[event];
            long offset = block.firstOffset + block.offsets[event];
            if (to.isLate(timeMs)) {
                account.late++;
                emitter.late(to, offset, timeMs, block.valuesMicros[event], to.maxLogTimeMs());
            } else {
                account.used++;
                to.add(timeMs, block.logTimesMs[event], block.valuesMicros[event], offset, firedBeforeMs);
            }
        }
        advance(block.maxLogTimeMs);
        for (int index = 0; index < block.seriesCount; index++) {
            fire(inBlock[index], firedBeforeMs);
        }
        fireDue(firedBeforeMs);
    }

    private void begin(EventBlock block) {
        if (account.firstOffset < 0) {
            partition = block.partition;
            account.firstOffset = block.firstOffset;
            account.nextOffset = block.firstOffset;
        }
        if (block.firstOffset < account.nextOffset) {
            throw new IllegalStateException("partition " + block.partition + ": Kafka offset " + block.firstOffset
                    + " comes again, " + account.nextOffset + " was next: was the topic deleted and created? start with --fresh");
        }
        account.skipped += block.nextOffset - account.nextOffset - block.records();
        account.nextOffset = block.nextOffset;
        account.heartbeats += block.heartbeats;
        account.rejected += block.rejected;
    }

    private void findSeries(EventBlock block) {
        if (inBlock.length < block.seriesCount) {
            inBlock = new Series[2 * block.seriesCount];
        }
        for (int index = 0; index < block.seriesCount; index++) {
            String name = new String(block.series[index], StandardCharsets.UTF_8);
            Series found = series.get(name);
            if (found == null) {
                found = new Series(customerOf(name), metricOf(name), averages, store.chunksOf(name));
                series.put(name, found);
            }
            inBlock[index] = found;
        }
    }

    /** Fires the windows of series that are not in the block, but whose end the watermark has passed with it. */
    private void fireDue(long firedBeforeMs) {
        while (!queue.isEmpty() && queue.peek().asOfMs <= firedUntilMs) {
            Due due = queue.poll();
            if (due.asOfMs == due.series.queuedFor) {
                due.series.queuedFor = Series.NEVER;
                fire(due.series, firedBeforeMs);
            }
        }
    }

    private void advance(long logTimeMs) {
        maxLogTimeMs = Math.max(maxLogTimeMs, logTimeMs);
        if (maxLogTimeMs != Long.MIN_VALUE) {
            firedUntilMs = Math.max(firedUntilMs, watermarkMs() + 1);
        }
    }

    /** Emits what a series has to emit up to now. That evicts events too, so the series is saved with the next snapshot. */
    private void fire(Series due, long firedBeforeMs) {
        if (!due.isChanged) {
            due.isChanged = true;
            changed.add(due);
        }
        long knownFromMs = origin.knownFromMs(due.firstLogTimeMs(), averages);
        long nextAsOfMs = due.fire(firedBeforeMs, firedUntilMs, knownFromMs, emitter);
        if (nextAsOfMs != due.queuedFor) {
            due.queuedFor = nextAsOfMs;
            if (nextAsOfMs != Series.NEVER) {
                queue.add(new Due(nextAsOfMs, due));
            }
        }
    }

    /** Saves what changed since the last call. */
    public void save() {
        for (Series quiet : changedBefore) {
            if (!quiet.isChanged) {
                store.saveSeries(quiet.customer + '/' + quiet.metric, quiet.save());
            }
        }
        for (Series touched : changed) {
            store.saveSeries(touched.customer + '/' + touched.metric, touched.save());
        }
        List<Series> spare = changedBefore;
        changedBefore = changed;
        changed = spare;
        changed.clear();
        ByteBuffer header = ByteBuffer.allocate(HEADER_BYTES).putInt(FORMAT).putInt(partition).putLong(maxLogTimeMs).putLong(firedUntilMs);
        account.write(header);
        origin.write(header);
        store.saveHeader(header.array());
    }

    private static String customerOf(String name) {
        return name.substring(0, name.indexOf('/'));
    }

    private static String metricOf(String name) {
        return name.substring(name.indexOf('/') + 1);
    }
}
