package sma.streaming.job;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import sma.streaming.window.Window;

/** One row of the averages; the sum is a 128-bit whole number of micro-units. Reused by whoever hands it over. */
public final class AverageRow {
    private static final int SCALE = 6;

    public String customer;
    public String metric;
    public Window window;
    public long asOfMs;
    public long sumHigh;
    public long sumLow;
    public long eventCount;

    /** Of two statements of one row, that with the larger one counts. */
    public long newestOffset;

    AverageRow copy() {
        AverageRow copy = new AverageRow();
        copy.customer = customer;
        copy.metric = metric;
        copy.window = window;
        copy.asOfMs = asOfMs;
        copy.sumHigh = sumHigh;
        copy.sumLow = sumLow;
        copy.eventCount = eventCount;
        copy.newestOffset = newestOffset;
        return copy;
    }

    boolean isFull() {
        return window.eventCount() == 0 || eventCount == window.eventCount();
    }

    /** The sum with its 6 decimals, e.g. {@code -0.500000}. */
    String valueSum() {
        if (sumHigh == sumLow >> 63) {
            return BigDecimal.valueOf(sumLow, SCALE).toPlainString();
        }
        byte[] sum = ByteBuffer.allocate(2 * Long.BYTES).putLong(sumHigh).putLong(sumLow).array();
        return new BigDecimal(new BigInteger(sum), SCALE).toPlainString();
    }
}
