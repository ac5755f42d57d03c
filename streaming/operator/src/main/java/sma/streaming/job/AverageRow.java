package sma.streaming.job;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import sma.streaming.record.Limits;
import sma.streaming.window.Average;

/** One row of the averages; the sum is a 128-bit whole number of micro-units. Reused by whoever hands it over. */
public final class AverageRow {
    public String customer;
    public String metric;
    public Average average;
    public long asOfMs;
    public long sumHigh;
    public long sumLow;
    public long eventCount;

    /** Of two firings of one row, the one with the larger offset counts. */
    public long newestOffset;

    /** Whether subscribers are to get it. */
    public boolean isPublished;

    AverageRow copy() {
        AverageRow copy = new AverageRow();
        copy.customer = customer;
        copy.metric = metric;
        copy.average = average;
        copy.asOfMs = asOfMs;
        copy.sumHigh = sumHigh;
        copy.sumLow = sumLow;
        copy.eventCount = eventCount;
        copy.newestOffset = newestOffset;
        copy.isPublished = isPublished;
        return copy;
    }

    boolean isFull() {
        return !average.isCount() || eventCount == average.eventCount();
    }

    /** The sum with its 6 decimals, e.g. {@code -0.500000}. */
    String valueSum() {
        if (sumHigh == sumLow >> 63) {
            return BigDecimal.valueOf(sumLow, Limits.VALUE_SCALE).toPlainString();
        }
        byte[] sum = ByteBuffer.allocate(2 * Long.BYTES).putLong(sumHigh).putLong(sumLow).array();
        return new BigDecimal(new BigInteger(sum), Limits.VALUE_SCALE).toPlainString();
    }
}
