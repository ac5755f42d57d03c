package sma.bench;

import java.nio.ByteBuffer;

/** The last values of one series and their sum, in the bytes that the store keeps: sum, count, place of the next, values. */
record Ring(byte[] bytes) {
    private static final int SUM = 0;
    private static final int COUNT = Long.BYTES;
    private static final int NEXT = COUNT + Integer.BYTES;
    private static final int VALUES = NEXT + Integer.BYTES;

    static Ring empty(int length) {
        return new Ring(new byte[VALUES + length * Long.BYTES]);
    }

    void add(long value) {
        ByteBuffer buffer = ByteBuffer.wrap(bytes);
        int length = (bytes.length - VALUES) / Long.BYTES;
        int next = buffer.getInt(NEXT);
        int place = VALUES + next * Long.BYTES;
        buffer.putLong(SUM, buffer.getLong(SUM) + value - buffer.getLong(place));
        buffer.putLong(place, value);
        buffer.putInt(NEXT, next + 1 == length ? 0 : next + 1);
        buffer.putInt(COUNT, Math.min(length, buffer.getInt(COUNT) + 1));
    }

    long sum() {
        return ByteBuffer.wrap(bytes).getLong(SUM);
    }

    int count() {
        return ByteBuffer.wrap(bytes).getInt(COUNT);
    }
}
