package sma.streaming.job;

import java.math.BigDecimal;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.flink.runtime.state.StateSnapshotContext;
import org.apache.flink.runtime.state.VoidNamespace;
import org.apache.flink.streaming.api.operators.AbstractStreamOperator;
import org.apache.flink.streaming.api.operators.OneInputStreamOperator;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.util.OutputTag;
import sma.streaming.window.EventBlock;
import sma.streaming.window.PartitionAverages;
import sma.streaming.window.Rules;
import sma.streaming.window.Series;
import sma.streaming.window.Statements;
import sma.streaming.window.Window;

/**
 * Runs {@link PartitionAverages} for each partition that this task has, under the partition's key.
 *
 * <p>What changed is put into Flink's state at each checkpoint.
 */
final class AveragesOperator extends AbstractStreamOperator<AverageRow>
        implements OneInputStreamOperator<EventBlock, AverageRow>, Statements {
    static final OutputTag<LateEvent> LATE = new OutputTag<>("late_events") {};

    private static final long serialVersionUID = 1L;
    private static final int VALUE_SCALE = 6;

    private final Rules rules;

    /** By partition, where statements begin; null if they always count. */
    private final HashMap<Integer, Long> statedFrom;

    private final PartitionKey key = new PartitionKey();

    private transient FlinkPartitionStore store;
    private transient Map<Integer, Task> partitions;
    private transient StreamRecord<AverageRow> stated;
    private transient int partition;
    private transient boolean isQuiet;
    private transient StatedRows statedRows;

    private record Task(PartitionAverages averages, AccountReport report) {}

    AveragesOperator(Rules rules, Map<Integer, Long> statedFrom) {
        this.rules = rules;
        this.statedFrom = statedFrom == null ? null : new HashMap<>(statedFrom);
    }

    @Override
    public void open() throws Exception {
        super.open();
        store = new FlinkPartitionStore(getKeyedStateStore());
        partitions = new HashMap<>();
        stated = new StreamRecord<>(new AverageRow());
        statedRows = new StatedRows(getRuntimeContext());
        restore();
    }

    @Override
    public void processElement(StreamRecord<EventBlock> element) {
        EventBlock block = element.getValue();
        partition = block.partition;
        isQuiet = statedFrom != null && block.nextOffset <= statedFrom.getOrDefault(partition, 0L);
        Task task = partitions.get(partition);
        if (task == null) {
            task = add(partition, new PartitionAverages(rules, store, this));
        }
        task.averages.process(block);
        task.report.update(task.averages);
    }

    private void restore() {
        List<Integer> keys;
        try (Stream<Integer> held = this.<Integer>getKeyedStateBackend()
                .getKeys(FlinkPartitionStore.HEADER, VoidNamespace.INSTANCE)) {
            keys = held.toList();
        }
        for (Integer held : keys) {
            setCurrentKey(held);
            PartitionAverages averages = new PartitionAverages(rules, store, this);
            Task task = add(averages.partition(), averages);
            task.report.update(averages);
        }
    }

    private Task add(int number, PartitionAverages averages) {
        Task task = new Task(averages, new AccountReport(getMetricGroup(), number));
        partitions.put(number, task);
        return task;
    }

    @Override
    public void row(
            Series series,
            Window window,
            long asOfMs,
            long sumHigh,
            long sumLow,
            long eventCount,
            long newestOffset) {
        if (isQuiet) {
            return;
        }
        statedRows.add(asOfMs);
        AverageRow row = stated.getValue();
        row.customer = series.customer;
        row.metric = series.metric;
        row.window = window;
        row.asOfMs = asOfMs;
        row.sumHigh = sumHigh;
        row.sumLow = sumLow;
        row.eventCount = eventCount;
        row.newestOffset = newestOffset;
        output.collect(stated);
    }

    @Override
    public void late(Series series, long kafkaOffset, long eventTimeMs, long valueMicros, long newestEventTimeMs) {
        String value = BigDecimal.valueOf(valueMicros, VALUE_SCALE).toPlainString();
        LateEvent late = new LateEvent(
                partition, kafkaOffset, series.customer, series.metric, eventTimeMs, value, newestEventTimeMs);
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
