package sma.streaming.job;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.util.Arrays;
import java.util.Random;
import org.apache.flink.core.memory.DataInputDeserializer;
import org.apache.flink.core.memory.DataOutputSerializer;
import org.junit.jupiter.api.Test;
import sma.streaming.window.EventBlock;

class EventBlockSerializerTest {
    @Test
    void whatWasWrittenIsReadIntoABlockThatHeldAnother() throws IOException {
        Random random = new Random(1);
        EventBlock read = new EventBlock();
        for (int round = 0; round < 50; round++) {
            EventBlock written = randomBlock(random);
            DataOutputSerializer bytes = new DataOutputSerializer(64);
            EventBlockSerializer.INSTANCE.serialize(written, bytes);
            DataInputDeserializer source = new DataInputDeserializer(bytes.getCopyOfBuffer());
            read = EventBlockSerializer.INSTANCE.deserialize(read, source);
            assertEquals(0, source.available());
            assertSame(written, read);
        }
    }

    private static EventBlock randomBlock(Random random) {
        EventBlock block = new EventBlock();
        block.clear(random.nextInt(100), random.nextLong(Long.MAX_VALUE / 2));
        int series = random.nextInt(40);
        for (int index = 0; index < series; index++) {
            byte[] name = new byte[random.nextInt(200)];
            random.nextBytes(name);
            block.addSeries(name);
        }
        int events = series == 0 ? 0 : random.nextInt(3_000);
        for (int event = 0; event < events; event++) {
            long timeMs = random.nextLong();
            long logTimeMs = random.nextInt(10) == 0 ? random.nextLong() : timeMs;
            block.addEvent(random.nextInt(series), block.firstOffset + event * 7L, timeMs, logTimeMs, random.nextLong());
        }
        block.appendedMs = random.nextLong();
        block.heartbeats = random.nextInt(9);
        block.eventsBeforeHeartbeat = random.nextInt(9);
        block.firstHeartbeatMs = random.nextLong();
        block.rejected = random.nextInt(9);
        block.nextOffset = block.firstOffset + events * 7L + 20;
        return block;
    }

    private static void assertSame(EventBlock written, EventBlock read) {
        assertEquals(written.partition, read.partition);
        assertEquals(written.firstOffset, read.firstOffset);
        assertEquals(written.nextOffset, read.nextOffset);
        assertEquals(written.appendedMs, read.appendedMs);
        assertEquals(written.heartbeats, read.heartbeats);
        assertEquals(written.eventsBeforeHeartbeat, read.eventsBeforeHeartbeat);
        assertEquals(written.firstHeartbeatMs, read.firstHeartbeatMs);
        assertEquals(written.rejected, read.rejected);
        assertEquals(written.maxLogTimeMs, read.maxLogTimeMs);
        assertEquals(written.events, read.events);
        assertEquals(written.seriesCount, read.seriesCount);
        for (int index = 0; index < written.seriesCount; index++) {
            assertArrayEquals(written.series[index], read.series[index]);
        }
        assertArrayEquals(firstOf(written.timesMs, written), firstOf(read.timesMs, written));
        assertArrayEquals(firstOf(written.logTimesMs, written), firstOf(read.logTimesMs, written));
        assertArrayEquals(firstOf(written.valuesMicros, written), firstOf(read.valuesMicros, written));
        assertArrayEquals(Arrays.copyOf(written.offsets, written.events), Arrays.copyOf(read.offsets, written.events));
        assertArrayEquals(Arrays.copyOf(written.seriesOf, written.events), Arrays.copyOf(read.seriesOf, written.events));
    }

    private static long[] firstOf(long[] column, EventBlock block) {
        return Arrays.copyOf(column, block.events);
    }
}
