package sma.streaming.window;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/** Keeps a partition's state in maps, as bytes only. */
final class MemoryStore implements PartitionStore {
    private byte[] header;
    private final Map<String, byte[]> series = new HashMap<>();
    private final Map<String, byte[]> chunks = new HashMap<>();

    /** What a restore after a failure finds: the state as it is now. */
    MemoryStore copy() {
        MemoryStore copy = new MemoryStore();
        copy.header = header;
        copy.series.putAll(series);
        copy.chunks.putAll(chunks);
        return copy;
    }

    /** Makes the state what the version before {@link Origin} wrote. */
    void asOfFormat2() {
        header = ByteBuffer.wrap(Arrays.copyOf(header, header.length - Origin.BYTES)).putInt(0, 2).array();
        series.replaceAll((name, saved) -> Arrays.copyOf(saved, saved.length - Long.BYTES));
    }

    int chunkCount() {
        return chunks.size();
    }

    @Override
    public byte[] loadHeader() {
        return header;
    }

    @Override
    public void saveHeader(byte[] saved) {
        header = saved;
    }

    @Override
    public Iterable<Map.Entry<String, byte[]>> series() {
        return series.entrySet();
    }

    @Override
    public void saveSeries(String name, byte[] saved) {
        series.put(name, saved);
    }

    @Override
    public ChunkStore chunksOf(String name) {
        return new ChunkStore() {
            @Override
            public byte[] load(long chunkNumber) {
                return chunks.get(name + "/" + chunkNumber);
            }

            @Override
            public void save(long chunkNumber, byte[] chunk) {
                chunks.put(name + "/" + chunkNumber, chunk);
            }

            @Override
            public void remove(long chunkNumber) {
                chunks.remove(name + "/" + chunkNumber);
            }
        };
    }
}
