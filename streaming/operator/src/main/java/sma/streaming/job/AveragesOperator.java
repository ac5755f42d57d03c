package sma.streaming.job;

import java.math.BigDecimal;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.flink.api.common.accumulators.LongMaximum;
import org.apache.flink.runtime.state.StateSnapshotContext;
import org.apache.flink.runtime.state.VoidNamespace;
import org.apache.flink.streaming.api.operators.AbstractStreamOperator;
import org.apache.flink.streaming.api.operators.OneInputStreamOperator;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.util.OutputTag;
import sma.streaming.record.Limits;
import sma.streaming.window.Average;
import sma.streaming.window.Averages;
import sma.streaming.window.Emitter;
import sma.streaming.window.EventBlock;
import sma.streaming.window.PartitionAverages;
import sma.streaming.window.Series;

/**
 * Runs {@link PartitionAverages} for each partition that this task has, under the partition's key.
 *
 * <p>What changed is put into Flink's state at each checkpoint.
 */
final class AveragesOperator extends AbstractStreamOperator<AverageRow>
        implements OneInputStreamOperator<EventBlock, AverageRow>, Emitter {
    static final OutputTag<LateEvent> LATE = new OutputTag<>("late_events") {};

    /** Before a partition's number: the accumulator that still tells of a job that has ended how far it had read. */
    static final String READ_TO = "read_to.";

    private static final long serialVersionUID = 1L;

    private final Averages averages;

    /** By partition: no row is emitted that no record from this offset on fires; null to emit every row. */
    private final HashMap<Integer, Long> emitFromOffsets;

    /** By partition: what records before it give is in the topics already. */
    private final HashMap<Integer, Long> publishFromOffsets;

    /** By partition: where the log begins; before a partition that is not there, nothing is gone. */
    private final HashMap<Integer, Long> fromOffsets;

    private final PartitionKey key = new PartitionKey();

    private transient FlinkPartitionStore store;
    private transient Map<Integer, Task> partitions;
    private transient StreamRecord<AverageRow> reused;
    private transient int partition;
    private transient boolean isQuiet;
    private transient boolean isPublished;
    private transient EmittedRows emitted;

    private record Task(PartitionAverages averages, AccountReport report, LongMaximum readTo) {
        void tell() {
            report.update(averages);
            readTo.add(averages.account().nextOffset);
        }
    }

    AveragesOperator(
            Averages averages,
            Map<Integer, Long> fromOffsets,
            Map<Integer, Long> emitFromOffsets,
            Map<Integer, Long> publishFromOffsets) {
        this.averages = averages;
        this.fromOffsets = new HashMap<>(fromOffsets);
        this.publishFromOffsets = new HashMap<>(publishFromOffsets);
        this.emitFromOffsets = emitFromOffsets == null ? null : new HashMap<>(emitFromOffsets);
    }

    @Override
    public void open() throws Exception {
        super.open();
        store = new FlinkPartitionStore(getKeyedStateStore());
        partitions = new HashMap<>();
        reused = new StreamRecord<>(new AverageRow());
        emitted = new EmittedRows(getRuntimeContext());
        restore();
    }

    @Override
    public void processElement(StreamRecord<EventBlock> element) {
        EventBlock block = element.getValue();
        partition = block.partition;
        isQuiet = emitFromOffsets != null && block.nextOffset <= emitFromOffsets.getOrDefault(partition, 0L);
        isPublished = block.nextOffset > publishFromOffsets.getOrDefault(partition, 0L);
        Task task = partitions.get(partition);
        if (task == null) {
            boolean isWhole = fromOffsets.getOrDefault(partition, 0L) == 0;
            task = add(partition, new PartitionAverages(averages, store, this, isWhole));
        }
        task.averages.process(block);
        task.tell();
    }

    private void restore() {
        List<Integer> keys;
        try (Stream<Integer> held = this.<Integer>getKeyedStateBackend()
                .getKeys(FlinkPartitionStore.HEADER, VoidNamespace.INSTANCE)) {
            keys = held.toList();
        }
        for (Integer held : keys) {
            setCurrentKey(held);
            PartitionAverages restored = new PartitionAverages(averages, store, this, true);
            add(restored.partition(), restored).tell();
        }
    }

    private Task add(int number, PartitionAverages added) {
        LongMaximum readTo = new LongMaximum();
        getRuntimeContext().addAccumulator(READ_TO + number, readTo);
        Task task = new Task(added, new AccountReport(getMetricGroup(), number), readTo);
        partitions.put(number, task);
        return task;
    }

    @Override
    public void row(
            Series series,
            Average average,
            long asOfMs,
            long sumHigh,
            long sumLow,
            long eventCount,
            long newestOffset) {
        if (isQuiet) {
            return;
        }
        emitted.add(asOfMs);
        AverageRow row = reused.getValue();
        row.customer = series.customer;
        row.metric = series.metric;
        row.average = average;
        row.asOfMs = asOfMs;
        row.sumHigh = sumHigh;
        row.sumLow = sumLow;
        row.eventCount = eventCount;
        row.newestOffset = newestOffset;
        row.isPublished = isPublished;
        output.collect(reused);
    }

    @Override
    public void late(Series series, long kafkaOffset, long eventTimeMs, long valueMicros, long maxLogTimeMs) {
        if (!isPublished) {
            return;
        }
        String value = BigDecimal.valueOf(valueMicros, Limits.VALUE_SCALE).toPlainString();
        LateEvent late = new LateEvent(
                partition, kafkaOffset, series.customer, series.metric, eventTimeMs, value, maxLogTimeMs);
        output.collect(LATE, new StreamRecord<>(late));
    }

    @Override
    public void snapshotState(StateSnapshotContext context) throws Exception {
        super.snapshotState(context);
        for (Map.Entry<Integer, Task> entry : partitions.entrySet()) {
            setCurrentKey(key.of(entry.getKey()));
            entry.getValue().averages.save();
        }
    }
}
