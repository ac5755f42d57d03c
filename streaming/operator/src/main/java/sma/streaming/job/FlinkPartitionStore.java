package sma.streaming.job;

import java.util.Map;
import org.apache.flink.api.common.state.KeyedStateStore;
import org.apache.flink.api.common.state.MapState;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.util.FlinkRuntimeException;
import sma.streaming.window.ChunkStore;
import sma.streaming.window.PartitionStore;

/** Keeps the state of the partition whose key is the current one in Flink's keyed state, as bytes. */
final class FlinkPartitionStore implements PartitionStore {
    /** The name of the state that every partition has. */
    static final String HEADER = "partition";

    private static final TypeInformation<byte[]> BYTES = PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO;

    private final ValueState<byte[]> header;
    private final MapState<String, byte[]> series;
    private final MapState<String, byte[]> chunks;

    FlinkPartitionStore(KeyedStateStore state) {
        header = state.getState(new ValueStateDescriptor<>(HEADER, BYTES));
        series = state.getMapState(new MapStateDescriptor<>("series", Types.STRING, BYTES));
        chunks = state.getMapState(new MapStateDescriptor<>("chunks", Types.STRING, BYTES));
    }

    @Override
    public byte[] loadHeader() {
        return access(header::value);
    }

    @Override
    public void saveHeader(byte[] saved) {
        access(() -> {
            header.update(saved);
            return null;
        });
    }

    @Override
    public Iterable<Map.Entry<String, byte[]>> series() {
        return access(series::entries);
    }

    @Override
    public void saveSeries(String name, byte[] saved) {
        access(() -> {
            series.put(name, saved);
            return null;
        });
    }

    @Override
    public ChunkStore chunksOf(String name) {
        return new Chunks(name + '/');
    }

    private final class Chunks implements ChunkStore {
        private final String prefix;

        Chunks(String prefix) {
            this.prefix = prefix;
        }

        @Override
        public byte[] load(long chunkNumber) {
            return access(() -> chunks.get(prefix + chunkNumber));
        }

        @Override
        public void save(long chunkNumber, byte[] chunk) {
            access(() -> {
                chunks.put(prefix + chunkNumber, chunk);
                return null;
            });
        }

        @Override
        public void remove(long chunkNumber) {
            access(() -> {
                chunks.remove(prefix + chunkNumber);
                return null;
            });
        }
    }

    private interface Access<T> {
        T run() throws Exception;
    }

    /** Flink declares Exception; what it throws is a failure of its state backend, which the task cannot survive. */
    private static <T> T access(Access<T> access) {
        try {
            return access.run();
        } catch (Exception failure) {
            throw new FlinkRuntimeException("Flink's state cannot be used", failure);
        }
    }
}
