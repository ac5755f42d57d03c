package sma.streaming.job;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;

/**
 * The beginning of bytes of any length, so that whatever a producer has sent fits into a record; and what tells the whole.
 *
 * @param first the first bytes, or all
 * @param length of the whole
 * @param sha256 of the whole, in hexadecimal
 */
public record Excerpt(byte[] first, int length, String sha256) {

    /** Returns the first bytes, at most so many; null for null. */
    static Excerpt of(byte[] whole, int atMost) {
        return whole == null ? null : new Excerpt(Arrays.copyOf(whole, Math.min(whole.length, atMost)), whole.length, digest(whole));
    }

    private static String digest(byte[] bytes) {
        return HexFormat.of().formatHex(newDigest().digest(bytes));
    }

    /** Returns a new digest. */
    static MessageDigest newDigest() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException("every Java has SHA-256", impossible);
        }
    }
}
