package sma.streaming.job;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.streaming.util.OneInputStreamOperatorTestHarness;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import sma.streaming.window.EventBlock;

class EventBlocksTest {
    private static final long LINGER_MS = 20;

    private OneInputStreamOperatorTestHarness<LogRecord, EventBlock> harness;

    @BeforeEach
    void open() throws Exception {
        harness = new OneInputStreamOperatorTestHarness<>(new EventBlocks(86_400_000, LINGER_MS, Map.of(3, 12L)));
        harness.setup(EventBlockSerializer.INSTANCE);
        harness.open();
    }

    @AfterEach
    void close() throws Exception {
        harness.close();
    }

    private void read(int partition, long offset, String value) throws Exception {
        read(partition, offset, 1_000, null, value);
    }

    private void readEvent(int partition, long offset, String customer, long timeMs) throws Exception {
        read(partition, offset, 1_000_000, customer + "/m", event(customer, timeMs));
    }

    private void read(int partition, long offset, long timestampMs, String key, String value) throws Exception {
        LogRecord record = new LogRecord();
        record.partition = partition;
        record.offset = offset;
        record.timestampMs = timestampMs;
        record.appendedMs = timestampMs + 7;
        record.key = key == null ? null : key.getBytes(StandardCharsets.UTF_8);
        record.value = value.getBytes(StandardCharsets.UTF_8);
        harness.processElement(new StreamRecord<>(record));
    }

    private static String event(String customer, long timeMs) {
        return "{\"customer\": \"" + customer + "\", \"metric\": \"m\", \"event_time\": " + timeMs + ", \"value\": 1.5}";
    }

    private static List<String> namesOf(EventBlock block) {
        return Arrays.stream(block.series, 0, block.seriesCount)
                .map(name -> new String(name, StandardCharsets.UTF_8))
                .toList();
    }

    /** The blocks sent since the last call. */
    private List<EventBlock> sent() {
        List<EventBlock> blocks = new ArrayList<>(harness.extractOutputValues());
        harness.getOutput().clear();
        return blocks;
    }

    @Test
    void recordsOfAPartitionWaitForEachOtherButNotForLong() throws Exception {
        readEvent(7, 100, "a", 500);
        read(7, 101, "{\"heartbeat\": 900}");
        readEvent(7, 104, "b", 400);
        read(7, 105, "poison");
        readEvent(7, 106, "a", 300);
        assertEquals(List.of(), sent());
        harness.setProcessingTime(LINGER_MS);
        List<EventBlock> blocks = sent();
        assertEquals(1, blocks.size());
        EventBlock block = blocks.get(0);
        assertEquals(List.of(7, 100L, 107L), List.of(block.partition, block.firstOffset, block.nextOffset));
        assertEquals(List.of(1L, 1L, 900L), List.of(block.heartbeats, block.rejected, block.maxLogTimeMs));
        assertEquals(List.of(1_000_007L, 900L), List.of(block.appendedMs, block.firstHeartbeatMs));
        assertEquals(1, block.eventsBeforeHeartbeat);
        assertEquals(List.of("a/m", "b/m"), namesOf(block));
        assertArrayEquals(new int[] {0, 1, 0}, Arrays.copyOf(block.seriesOf, block.events));
        assertArrayEquals(new int[] {0, 4, 6}, Arrays.copyOf(block.offsets, block.events));
        assertArrayEquals(new long[] {500, 400, 300}, Arrays.copyOf(block.timesMs, block.events));
        assertEquals(1, harness.getSideOutput(EventBlocks.REJECTED).size());
        RejectedEvent rejected = harness.getSideOutput(EventBlocks.REJECTED).peek().getValue();
        assertEquals(105, rejected.kafkaOffset());
        assertEquals("not UTF-8 JSON", rejected.reason());
        assertArrayEquals("poison".getBytes(StandardCharsets.UTF_8), rejected.value().first());
    }

    @Test
    void theLogTimeOfARecordIsNotAfterItsTimestamp() throws Exception {
        read(0, 0, 1_000, "a/m", event("a", 1_500));
        read(0, 1, 1_001, null, "{\"heartbeat\": 5000}");
        read(0, 2, 1_002, "b/m", event("a", 900));
        harness.setProcessingTime(LINGER_MS);
        EventBlock block = sent().get(0);
        assertEquals(List.of(1_500L, 1_000L, 1_001L), List.of(block.timesMs[0], block.logTimesMs[0], block.maxLogTimeMs));
        assertEquals(1, block.events);
        RejectedEvent rejected = harness.getSideOutput(EventBlocks.REJECTED).peek().getValue();
        assertEquals("wrong_key: not customer/metric of the event", rejected.reason());
    }

    @Test
    void aCheckpointFindsNothingWaiting() throws Exception {
        readEvent(0, 0, "a", 500);
        readEvent(1, 0, "b", 500);
        harness.prepareSnapshotPreBarrier(1);
        assertEquals(2, sent().size());
        harness.setProcessingTime(LINGER_MS);
        assertEquals(List.of(), sent());
    }

    @Test
    void noBlockHasRecordsFromBeforeAndAfterTheFirstThatIsPublished() throws Exception {
        read(3, 9, "poison");
        readEvent(3, 11, "a", 500);
        readEvent(3, 13, "a", 501);
        read(3, 14, "poison");
        harness.prepareSnapshotPreBarrier(1);
        assertEquals(List.of(12L, 15L), sent().stream().map(block -> block.nextOffset).toList());
        assertEquals(
                List.of(14L),
                harness.getSideOutput(EventBlocks.REJECTED).stream().map(each -> each.getValue().kafkaOffset()).toList());
    }

    @Test
    void aFullBlockDoesNotWait() throws Exception {
        for (int offset = 0; offset < 10_000; offset++) {
            readEvent(0, offset, "a" + offset % 3, offset);
        }
        assertEquals(10_000 / 4_096, sent().size());
    }

    @Test
    void moreSeriesThanAreRememberedKeepTheirNames() throws Exception {
        int series = 200_000;
        for (int offset = 0; offset < series; offset++) {
            readEvent(0, offset, "a" + offset % (series - 1_000), offset);
        }
        harness.prepareSnapshotPreBarrier(1);
        int offset = 0;
        for (EventBlock block : sent()) {
            List<String> names = namesOf(block);
            for (int event = 0; event < block.events; event++) {
                assertEquals("a" + offset % (series - 1_000) + "/m", names.get(block.seriesOf[event]));
                assertEquals(offset++, block.timesMs[event]);
            }
        }
        assertEquals(series, offset);
    }
}
