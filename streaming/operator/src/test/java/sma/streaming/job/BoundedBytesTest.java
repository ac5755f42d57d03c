package sma.streaming.job;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import org.junit.jupiter.api.Test;
import sma.streaming.record.Limits;
import sma.streaming.record.RecordReader;

class BoundedBytesTest {
    private static byte[] takenOver(byte[] bytes) {
        ByteBuffer lent = ByteBuffer.wrap(bytes);
        byte[] taken = new BoundedBytes().deserialize("events", null, lent);
        assertEquals(bytes.length, lent.remaining());
        return taken;
    }

    private static byte[] bytes(int length) {
        byte[] bytes = new byte[length];
        for (int index = 0; index < length; index++) {
            bytes[index] = (byte) (index % 251);
        }
        return bytes;
    }

    @Test
    void whatMayBeAnEventIsTakenOverWhole() {
        assertNull(new BoundedBytes().deserialize("events", null, (ByteBuffer) null));
        for (int length : new int[] {0, 1, Limits.MAX_RECORD_BYTES}) {
            assertArrayEquals(bytes(length), takenOver(bytes(length)));
        }
    }

    @Test
    void whatIsTooLongIsTakenOverAsItsBeginningAndTheDigestOfAll() {
        byte[] whole = bytes(Limits.MAX_RECORD_BYTES + 1);
        byte[] taken = takenOver(whole);
        assertTrue(taken.length < 5_000);
        Excerpt excerpt = BoundedBytes.excerpt(taken, whole.length, 4_096);
        Excerpt expected = Excerpt.of(whole, 4_096);
        assertArrayEquals(expected.first(), excerpt.first());
        assertEquals(expected.length(), excerpt.length());
        assertEquals(expected.sha256(), excerpt.sha256());
        assertEquals(512, BoundedBytes.excerpt(taken, whole.length, 512).first().length);
    }

    @Test
    void onlyTheStatedLengthTellsThatBytesAreAbridged() {
        byte[] shortOnes = bytes(4_128);
        assertEquals(Excerpt.of(shortOnes, 4_096).sha256(), BoundedBytes.excerpt(shortOnes, 4_128, 4_096).sha256());
    }

    @Test
    void aRecordThatIsTooLongIsRejectedWhateverItsBytes() {
        RecordReader reader = new RecordReader(0);
        assertTrue(reader.rejectTooLong(-1, Limits.MAX_RECORD_BYTES + 1));
        assertEquals("longer than 1048576 bytes", reader.reason);
        assertTrue(reader.rejectTooLong(Limits.MAX_RECORD_BYTES + 1, 5));
        assertEquals("key: longer than 1048576 bytes", reader.reason);
        assertEquals(RecordReader.Kind.REJECTED, reader.read(new byte[0], bytes(Limits.MAX_RECORD_BYTES + 1), 0));
        assertEquals("longer than 1048576 bytes", reader.reason);
        assertEquals(RecordReader.Kind.REJECTED, reader.read(bytes(Limits.MAX_RECORD_BYTES + 1), new byte[0], 0));
        assertEquals("key: longer than 1048576 bytes", reader.reason);
    }
}
