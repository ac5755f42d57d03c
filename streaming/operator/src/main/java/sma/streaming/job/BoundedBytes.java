package sma.streaming.job;

import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.serialization.Deserializer;
import sma.streaming.record.Limits;

/**
 * Takes keys and values over from Kafka's client: whole, or abridged where they are too long to be an event.
 *
 * <p>Kafka's client has a decompressed record in memory once, before anybody can look at it; this makes no copy of it. The
 * abridged form is the first bytes and the digest of all. That a key or value is abridged follows from the length that
 * Kafka's client states of it, never from its bytes.
 */
public final class BoundedBytes implements Deserializer<byte[]> {
    private static final int FIRST_BYTES = 4_096;

    @Override
    public byte[] deserialize(String topic, byte[] whole) {
        return whole == null ? null : deserialize(topic, null, ByteBuffer.wrap(whole));
    }

    @Override
    public byte[] deserialize(String topic, Headers headers, ByteBuffer whole) {
        if (whole == null) {
            return null;
        }
        ByteBuffer left = whole.duplicate(); // the client measures what it has lent
        if (left.remaining() <= Limits.MAX_RECORD_BYTES) {
            byte[] bytes = new byte[left.remaining()];
            left.get(bytes);
            return bytes;
        }
        MessageDigest digest = Excerpt.newDigest();
        digest.update(left.duplicate());
        byte[] abridged = new byte[FIRST_BYTES + digest.getDigestLength()];
        left.get(abridged, 0, FIRST_BYTES);
        System.arraycopy(digest.digest(), 0, abridged, FIRST_BYTES, digest.getDigestLength());
        return abridged;
    }

    /** Returns the excerpt of at most so many bytes of a key or value, which was {@code length} bytes long. */
    static Excerpt excerpt(byte[] bytes, int length, int atMost) {
        if (length <= Limits.MAX_RECORD_BYTES) {
            return Excerpt.of(bytes, atMost);
        }
        byte[] first = Arrays.copyOf(bytes, Math.min(FIRST_BYTES, atMost));
        return new Excerpt(first, length, HexFormat.of().formatHex(bytes, FIRST_BYTES, bytes.length));
    }
}
