package sma.streaming.window;

/** Where the chunks of one series' {@link EventBuffer} are kept while they are not in use. */
public interface ChunkStore {
    /** Returns what was saved last under this number. */
    byte[] load(long chunkNumber);

    void save(long chunkNumber, byte[] chunk);

    void remove(long chunkNumber);
}
