package sma.streaming.job;

import java.io.IOException;
import java.io.UncheckedIOException;
import org.apache.flink.api.common.typeutils.SimpleTypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.base.TypeSerializerSingleton;
import org.apache.flink.core.memory.DataInputDeserializer;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputSerializer;
import org.apache.flink.core.memory.DataOutputView;
import sma.streaming.window.EventBlock;

/** Writes a block column by column. Blocks travel, and are never state. */
public final class EventBlockSerializer extends TypeSerializerSingleton<EventBlock> {
    static final EventBlockSerializer INSTANCE = new EventBlockSerializer();

    private static final long serialVersionUID = 1L;

    @Override
    public void serialize(EventBlock block, DataOutputView target) throws IOException {
        target.writeInt(block.partition);
        target.writeLong(block.firstOffset);
        target.writeLong(block.nextOffset);
        target.writeLong(block.heartbeats);
        target.writeLong(block.rejected);
        target.writeLong(block.appendedMs);
        target.writeInt(block.eventsBeforeHeartbeat);
        target.writeLong(block.firstHeartbeatMs);
        target.writeLong(block.maxLogTimeMs);
        target.writeInt(block.seriesCount);
        for (int index = 0; index < block.seriesCount; index++) {
            target.writeInt(block.series[index].length);
            target.write(block.series[index]);
        }
        target.writeInt(block.events);
        for (int event = 0; event < block.events; event++) {
            target.writeLong(block.timesMs[event]);
            target.writeLong(block.valuesMicros[event]);
            target.writeInt(block.offsets[event]);
            target.writeInt(block.seriesOf[event]);
        }
        serializeLogTimes(block, target);
    }

    /** Most events have their event time as log time; the others follow, and an index that no event has. */
    private static void serializeLogTimes(EventBlock block, DataOutputView target) throws IOException {
        for (int event = 0; event < block.events; event++) {
            if (block.logTimesMs[event] != block.timesMs[event]) {
                target.writeInt(event);
                target.writeLong(block.logTimesMs[event]);
            }
        }
        target.writeInt(block.events);
    }

    private static void deserializeLogTimes(EventBlock block, DataInputView source) throws IOException {
        System.arraycopy(block.timesMs, 0, block.logTimesMs, 0, block.events);
        for (int event = source.readInt(); event < block.events; event = source.readInt()) {
            block.logTimesMs[event] = source.readLong();
        }
    }

    @Override
    public EventBlock deserialize(EventBlock block, DataInputView source) throws IOException {
        block.clear(source.readInt(), source.readLong());
        block.nextOffset = source.readLong();
        block.heartbeats = source.readLong();
        block.rejected = source.readLong();
        block.appendedMs = source.readLong();
        block.eventsBeforeHeartbeat = source.readInt();
        block.firstHeartbeatMs = source.readLong();
        block.maxLogTimeMs = source.readLong();
        int seriesCount = source.readInt();
        block.reserveSeries(seriesCount);
        for (int index = 0; index < seriesCount; index++) {
            block.series[index] = new byte[source.readInt()];
            source.readFully(block.series[index]);
        }
        block.seriesCount = seriesCount;
        int events = source.readInt();
        block.reserveEvents(events);
        for (int event = 0; event < events; event++) {
            block.timesMs[event] = source.readLong();
            block.valuesMicros[event] = source.readLong();
            block.offsets[event] = source.readInt();
            block.seriesOf[event] = source.readInt();
        }
        block.events = events;
        deserializeLogTimes(block, source);
        return block;
    }

    @Override
    public EventBlock deserialize(DataInputView source) throws IOException {
        return deserialize(new EventBlock(), source);
    }

    @Override
    public boolean isImmutableType() {
        return false;
    }

    @Override
    public EventBlock createInstance() {
        return new EventBlock();
    }

    @Override
    public EventBlock copy(EventBlock from) {
        DataOutputSerializer bytes = new DataOutputSerializer(1 << 12);
        try {
            serialize(from, bytes);
            return deserialize(new DataInputDeserializer(bytes.wrapAsByteBuffer()));
        } catch (IOException impossible) {
            throw new UncheckedIOException("copying in memory", impossible);
        }
    }

    @Override
    public EventBlock copy(EventBlock from, EventBlock reuse) {
        return copy(from);
    }

    @Override
    public void copy(DataInputView source, DataOutputView target) throws IOException {
        serialize(deserialize(source), target);
    }

    @Override
    public int getLength() {
        return -1;
    }

    @Override
    public TypeSerializerSnapshot<EventBlock> snapshotConfiguration() {
        return new Snapshot();
    }

    /** Names this class as the serializer of blocks. */
    public static final class Snapshot extends SimpleTypeSerializerSnapshot<EventBlock> {
        /** Called by Flink. */
        public Snapshot() {
            super(() -> INSTANCE);
        }
    }
}
