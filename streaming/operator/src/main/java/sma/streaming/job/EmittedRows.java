package sma.streaming.job;

import org.apache.flink.api.common.accumulators.LongCounter;
import org.apache.flink.api.common.accumulators.LongMaximum;
import org.apache.flink.api.common.accumulators.LongMinimum;
import org.apache.flink.api.common.functions.RuntimeContext;

/** Counts the rows that a job emits, in accumulators that Flink shows while it runs and after it has ended. */
final class EmittedRows {
    private final LongCounter rows = new LongCounter();
    private final LongMinimum first = new LongMinimum();
    private final LongMaximum last = new LongMaximum();

    EmittedRows(RuntimeContext context) {
        context.addAccumulator("rows_stated", rows);
        context.addAccumulator("first_as_of", first);
        context.addAccumulator("last_as_of", last);
    }

    void add(long asOfMs) {
        rows.add(1);
        first.add(asOfMs);
        last.add(asOfMs);
    }
}
