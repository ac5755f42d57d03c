package sma.streaming.job;

import java.util.HashMap;
import java.util.Map;
import org.apache.flink.streaming.api.operators.AbstractStreamOperator;
import org.apache.flink.streaming.api.operators.OneInputStreamOperator;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.util.OutputTag;
import sma.streaming.record.RecordReader;
import sma.streaming.window.EventBlock;

/**
 * Parses records in the task that reads them from Kafka, and sends those of each partition on in blocks.
 *
 * <p>A block costs the network and the next operator about as much as a record would. Blocks are sent when they are
 * full, when their first record has waited {@code lingerMs}, and before each checkpoint, so none is ever state. No block
 * has records from before and after the offset from which on the job publishes.
 */
final class EventBlocks extends AbstractStreamOperator<EventBlock>
        implements OneInputStreamOperator<LogRecord, EventBlock> {
    static final OutputTag<RejectedEvent> REJECTED = new OutputTag<>("rejected_events") {};

    private static final long serialVersionUID = 1L;
    private static final int FULL = 4_096;

    private final long maxAheadMs;
    private final long lingerMs;
    private final HashMap<Integer, Long> publishFromOffsets;

    private transient RecordReader reader;
    private transient Map<Integer, OpenBlock> open;
    private transient OpenBlock current;
    private transient StreamRecord<EventBlock> sent;
    private transient boolean isTimerSet;

    /** The block being filled with records of one partition. */
    private static final class OpenBlock {
        final EventBlock block = new EventBlock();
        final SeriesIndex series = new SeriesIndex();
        final long publishFromOffset;

        OpenBlock(long publishFromOffset) {
            this.publishFromOffset = publishFromOffset;
        }

        boolean isPublished(long offset) {
            return offset >= publishFromOffset;
        }
    }

    EventBlocks(long maxAheadMs, long lingerMs, Map<Integer, Long> publishFromOffsets) {
        this.maxAheadMs = maxAheadMs;
        this.lingerMs = lingerMs;
        this.publishFromOffsets = new HashMap<>(publishFromOffsets);
    }

    @Override
    public void open() throws Exception {
        super.open();
        reader = new RecordReader(maxAheadMs);
        open = new HashMap<>();
        sent = new StreamRecord<>(null);
    }

    @Override
    public void processElement(StreamRecord<LogRecord> element) {
        LogRecord record = element.getValue();
        EventBlock block = blockOf(record);
        switch (read(record)) {
            case EVENT -> block.addEvent(
                    current.series.of(reader.series, reader.seriesLength, block),
                    record.offset,
                    reader.timeMs,
                    reader.logTimeMs,
                    reader.valueMicros);
            case HEARTBEAT -> {
                block.addHeartbeat(reader.logTimeMs);
            }
            case REJECTED -> {
                block.rejected++;
                if (current.isPublished(record.offset)) {
                    output.collect(REJECTED, new StreamRecord<>(new RejectedEvent(record, reader.reason)));
                }
            }
        }
        block.nextOffset = record.offset + 1;
        if (block.records() >= FULL) {
            send(current);
        } else if (!isTimerSet) {
            isTimerSet = true;
            processingTimeService.registerTimer(
                    processingTimeService.getCurrentProcessingTime() + lingerMs, time -> sendAfterWait());
        }
    }

    private RecordReader.Kind read(LogRecord record) {
        return reader.rejectTooLong(record.keyLength, record.valueLength)
                ? RecordReader.Kind.REJECTED
                : reader.read(record.key, record.value, record.timestampMs);
    }

    private EventBlock blockOf(LogRecord record) {
        if (current == null || current.block.partition != record.partition) {
            current = open.computeIfAbsent(
                    record.partition, partition -> new OpenBlock(publishFromOffsets.getOrDefault(partition, 0L)));
        }
        if (current.block.records() > 0 && (isTooLong(current.block, record) || isBetween(current, record))) {
            send(current);
        }
        if (current.block.records() == 0) {
            current.block.clear(record.partition, record.offset);
            current.block.appendedMs = record.appendedMs;
            current.series.startBlock();
        }
        return current.block;
    }

    private static boolean isTooLong(EventBlock block, LogRecord record) {
        return record.offset - block.firstOffset > Integer.MAX_VALUE;
    }

    private static boolean isBetween(OpenBlock begun, LogRecord record) {
        return begun.isPublished(record.offset) && !begun.isPublished(begun.block.firstOffset);
    }

    private void sendAfterWait() {
        isTimerSet = false;
        sendAll();
    }

    private void sendAll() {
        open.values().forEach(this::send);
    }

    private void send(OpenBlock full) {
        if (full.block.records() > 0) {
            output.collect(sent.replace(full.block));
            full.block.clear(full.block.partition, full.block.nextOffset);
        }
    }

    @Override
    public void prepareSnapshotPreBarrier(long checkpointId) throws Exception {
        super.prepareSnapshotPreBarrier(checkpointId);
        sendAll();
    }

    @Override
    public void finish() throws Exception {
        sendAll();
        super.finish();
    }
}
