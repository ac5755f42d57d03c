package sma.streaming;

import java.time.Instant;
import org.apache.flink.table.functions.ScalarFunction;

/** SQL function {@code EPOCH_MILLIS(TIMESTAMP_LTZ(3))}: milliseconds since the Unix epoch. Flink has only seconds. */
public final class EpochMillis extends ScalarFunction {
    private static final long serialVersionUID = 1L;

    /** Returns null for null. */
    public Long eval(Instant time) {
        return time == null ? null : time.toEpochMilli();
    }
}
