package sma.streaming.window;

import java.util.Map;

/** Where one partition's state is kept: a header, and for each series a header and chunks of events. */
public interface PartitionStore {
    /** Returns null where nothing was saved yet. */
    byte[] loadHeader();

    void saveHeader(byte[] header);

    /** The saved series by {@code customer/metric}. */
    Iterable<Map.Entry<String, byte[]>> series();

    void saveSeries(String name, byte[] header);

    ChunkStore chunksOf(String name);
}
