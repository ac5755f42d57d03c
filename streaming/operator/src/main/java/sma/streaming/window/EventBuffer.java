package sma.streaming.window;

import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * The events of one series in order of (event time, Kafka offset): a FIFO queue that knows the sum before each event.
 *
 * <p>It is shared by any number of windows. Each event is kept with the sum of all events before it, so a window's sum is
 * the difference of two of them, and evicting an event from a window is moving that window's own front. Adding an event
 * costs O(1) in order; out of order, O(events that are newer).
 *
 * <p>Exact: sums are 128-bit whole numbers, in two's complement modulo 2^128. A difference of two of them is right as
 * long as it fits itself, and a window of 10^20 events of the largest value does.
 *
 * <p>Each event is kept with the largest Kafka offset among it and all before it. A row that is computed from the events
 * before an index depends on the log up to that offset and no further, so the offset is the version of the row.
 *
 * <p>Events have indexes that grow for ever. They are kept in chunks of {@link #CHUNK_EVENTS}, 32 bytes an event; chunks
 * that are not in use are left to the {@link ChunkStore}.
 */
final class EventBuffer {
    static final int CHUNK_EVENTS = 128;

    private static final int CHUNK_BITS = 7;
    private static final int IN_CHUNK = CHUNK_EVENTS - 1;

    private final ChunkStore store;

    /** The chunks from that of the first event on; null where a chunk is in the store only. */
    private Chunk[] chunks = new Chunk[2];

    private long first;
    private long end;
    private long lastEvictedMs = Long.MIN_VALUE;

    // The sum of all events there ever were.
    private long totalHigh;
    private long totalLow;

    EventBuffer(ChunkStore store) {
        this.store = store;
    }

    /** The index of the oldest event held. */
    long first() {
        return first;
    }

    /** One past the index of the newest event. */
    long end() {
        return end;
    }

    /** The time of the newest event that was evicted; the smallest long where none was. */
    long lastEvictedMs() {
        return lastEvictedMs;
    }

    long timeMs(long index) {
        return chunk(index).timesMs[(int) index & IN_CHUNK];
    }

    /** The lower half of the sum before an event; at the end, of all. */
    long sumLow(long index) {
        return index == end ? totalLow : chunk(index).sumsLow[(int) index & IN_CHUNK];
    }

    long sumHigh(long index) {
        return index == end ? totalHigh : chunk(index).sumsHigh[(int) index & IN_CHUNK];
    }

    /** The largest Kafka offset of the events up to this one, itself included. */
    long newestOffset(long index) {
        return chunk(index).newestOffsets[(int) index & IN_CHUNK];
    }

    /** Adds an event after all that are not newer: O(1) in order, else O(events that are newer). */
    void add(long eventTimeMs, long valueMicros, long kafkaOffset) {
        long index = end;
        Chunk last = chunkToWrite(end);
        last.put((int) end & IN_CHUNK, eventTimeMs, totalHigh, totalLow, kafkaOffset);
        long low = totalLow + valueMicros;
        totalHigh += (valueMicros >> 63) + carry(low, totalLow);
        totalLow = low;
        end++;
        if (index > first && timeMs(index - 1) > eventTimeMs) {
            sink(index, eventTimeMs, valueMicros, kafkaOffset);
        }
    }

    /** Moves the event at {@code index}, the last one, down to its place, and adds its value to the sums it passes. */
    private void sink(long index, long eventTimeMs, long valueMicros, long kafkaOffset) {
        long high = sumHigh(index);
        long low = sumLow(index);
        long place = index;
        while (place > first && timeMs(place - 1) > eventTimeMs) {
            Chunk from = chunkToWrite(place - 1);
            int slot = (int) (place - 1) & IN_CHUNK;
            long passedMs = from.timesMs[slot];
            high = from.sumsHigh[slot];
            low = from.sumsLow[slot];
            long raisedLow = low + valueMicros;
            chunkToWrite(place).put(
                    (int) place & IN_CHUNK,
                    passedMs,
                    high + (valueMicros >> 63) + carry(raisedLow, low),
                    raisedLow,
                    kafkaOffset);
            place--;
        }
        chunkToWrite(place).put((int) place & IN_CHUNK, eventTimeMs, high, low, kafkaOffset);
    }

    private static long carry(long sumLow, long addendLow) {
        return Long.compareUnsigned(sumLow, addendLow) < 0 ? 1 : 0;
    }

    /** Returns the index of the first event at or after a time, searched from {@code near} on, step by step. */
    long firstAtOrAfter(long timeMs, long near) {
        long index = Math.max(first, Math.min(near, end));
        while (index < end && timeMs(index) < timeMs) {
            index++;
        }
        while (index > first && timeMs(index - 1) >= timeMs) {
            index--;
        }
        return index;
    }

    /** Evicts events before {@code index}, as many as fill whole chunks. */
    void evictBefore(long index) {
        int evicted = (int) ((index >> CHUNK_BITS) - (first >> CHUNK_BITS));
        if (evicted <= 0) {
            return;
        }
        long firstChunk = first >> CHUNK_BITS;
        first = firstChunk + evicted << CHUNK_BITS;
        lastEvictedMs = chunkNumbered(first - 1 >> CHUNK_BITS, firstChunk).timesMs[IN_CHUNK];
        for (int chunk = 0; chunk < evicted; chunk++) {
            store.remove(firstChunk + chunk);
        }
        System.arraycopy(chunks, evicted, chunks, 0, chunks.length - evicted);
        Arrays.fill(chunks, chunks.length - evicted, chunks.length, null);
    }

    /** Saves what has changed; chunks that were not in use since the last call are from now on in the store only. */
    void save() {
        long firstChunk = first >> CHUNK_BITS;
        for (int place = 0; place < chunks.length; place++) {
            Chunk chunk = chunks[place];
            if (chunk == null) {
                continue;
            }
            if (chunk.isChanged) {
                long start = firstChunk + place << CHUNK_BITS;
                store.save(firstChunk + place, chunk.toBytes((int) Math.min(CHUNK_EVENTS, end - start)));
                chunk.isChanged = false;
            } else if (!chunk.isUsed) {
                chunks[place] = null;
            }
            chunk.isUsed = false;
        }
    }

    /** Writes all but the chunks. */
    void writeHeader(ByteBuffer header) {
        header.putLong(first).putLong(end).putLong(lastEvictedMs).putLong(totalHigh).putLong(totalLow);
    }

    static EventBuffer readHeader(ByteBuffer header, ChunkStore store) {
        EventBuffer buffer = new EventBuffer(store);
        buffer.first = header.getLong();
        buffer.end = header.getLong();
        buffer.lastEvictedMs = header.getLong();
        buffer.totalHigh = header.getLong();
        buffer.totalLow = header.getLong();
        long chunkCount = (buffer.end + IN_CHUNK >> CHUNK_BITS) - (buffer.first >> CHUNK_BITS);
        buffer.chunks = new Chunk[(int) Math.max(2, chunkCount + 1)];
        return buffer;
    }

    private Chunk chunk(long index) {
        Chunk chunk = chunkNumbered(index >> CHUNK_BITS, first >> CHUNK_BITS);
        chunk.isUsed = true;
        return chunk;
    }

    private Chunk chunkToWrite(long index) {
        int place = (int) ((index >> CHUNK_BITS) - (first >> CHUNK_BITS));
        if (place >= chunks.length) {
            chunks = Arrays.copyOf(chunks, chunks.length * 2);
        }
        if (index == end && (index & IN_CHUNK) == 0 && chunks[place] == null) {
            chunks[place] = new Chunk();
        }
        Chunk chunk = chunk(index);
        chunk.isChanged = true;
        return chunk;
    }

    private Chunk chunkNumbered(long number, long firstChunk) {
        int place = (int) (number - firstChunk);
        Chunk chunk = chunks[place];
        if (chunk == null) {
            chunk = new Chunk(store.load(number));
            chunks[place] = chunk;
        }
        return chunk;
    }

    /** Some events that follow one another; the arrays grow with them. */
    private static final class Chunk {
        private static final int EVENT_BYTES = 4 * Long.BYTES;
        private static final int FEW = 16;

        long[] timesMs;
        long[] sumsHigh;
        long[] sumsLow;
        long[] newestOffsets;
        boolean isChanged;
        boolean isUsed;

        Chunk() {
            timesMs = new long[FEW];
            sumsHigh = new long[FEW];
            sumsLow = new long[FEW];
            newestOffsets = new long[FEW];
        }

        Chunk(byte[] saved) {
            int events = saved.length / EVENT_BYTES;
            timesMs = new long[events];
            sumsHigh = new long[events];
            sumsLow = new long[events];
            newestOffsets = new long[events];
            ByteBuffer.wrap(saved).asLongBuffer().get(timesMs).get(sumsHigh).get(sumsLow).get(newestOffsets);
        }

        void put(int slot, long timeMs, long sumHigh, long sumLow, long newestOffset) {
            if (slot >= timesMs.length) {
                int capacity = Math.min(CHUNK_EVENTS, Math.max(slot + 1, 2 * timesMs.length));
                timesMs = Arrays.copyOf(timesMs, capacity);
                sumsHigh = Arrays.copyOf(sumsHigh, capacity);
                sumsLow = Arrays.copyOf(sumsLow, capacity);
                newestOffsets = Arrays.copyOf(newestOffsets, capacity);
            }
            timesMs[slot] = timeMs;
            sumsHigh[slot] = sumHigh;
            sumsLow[slot] = sumLow;
            newestOffsets[slot] = newestOffset;
        }

        byte[] toBytes(int events) {
            byte[] saved = new byte[events * EVENT_BYTES];
            ByteBuffer.wrap(saved)
                    .asLongBuffer()
                    .put(timesMs, 0, events)
                    .put(sumsHigh, 0, events)
                    .put(sumsLow, 0, events)
                    .put(newestOffsets, 0, events);
            return saved;
        }
    }
}
