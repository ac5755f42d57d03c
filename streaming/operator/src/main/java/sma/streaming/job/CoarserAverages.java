package sma.streaming.job;

import java.math.BigInteger;
import org.apache.flink.api.common.accumulators.LongCounter;
import org.apache.flink.streaming.api.operators.AbstractStreamOperator;
import org.apache.flink.streaming.api.operators.BoundedOneInput;
import org.apache.flink.streaming.api.operators.OneInputStreamOperator;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import sma.streaming.window.Average;
import sma.streaming.window.CoarserAverage;

/** Runs {@link CoarserAverage} over rows that come series by series, in the order of {@code as_of}. */
final class CoarserAverages extends AbstractStreamOperator<AverageRow>
        implements OneInputStreamOperator<StoredRow, AverageRow>, BoundedOneInput {
    /** No row that is computed from the log has so small an offset, so none of the generation is ever replaced. */
    static final long NO_OFFSET = -1;

    private static final long serialVersionUID = 1L;

    private final Average average;
    private final long startMs;
    private final long endMs;

    private transient CoarserAverage rows;
    private transient StoredRow last;
    private transient EmittedRows emitted;
    private transient LongCounter rowsRead;

    CoarserAverages(Average average, long startMs, long endMs) {
        this.average = average;
        this.startMs = startMs;
        this.endMs = endMs;
    }

    @Override
    public void open() throws Exception {
        super.open();
        rows = new CoarserAverage(average, startMs, endMs, this::emit);
        emitted = new EmittedRows(getRuntimeContext());
        rowsRead = new LongCounter();
        getRuntimeContext().addAccumulator("rows_read", rowsRead);
    }

    @Override
    public void processElement(StreamRecord<StoredRow> element) {
        StoredRow row = element.getValue();
        if (last != null && !(row.customer.equals(last.customer) && row.metric.equals(last.metric))) {
            rows.finish();
        }
        last = row;
        rowsRead.add(1);
        rows.add(row.asOfMs, row.sumMicros, row.eventCount);
    }

    @Override
    public void endInput() {
        rows.finish();
    }

    private void emit(long asOfMs, BigInteger sumMicros, long eventCount) {
        AverageRow row = new AverageRow();
        row.customer = last.customer;
        row.metric = last.metric;
        row.average = average;
        row.asOfMs = asOfMs;
        row.sumHigh = sumMicros.shiftRight(Long.SIZE).longValueExact();
        row.sumLow = sumMicros.longValue();
        row.eventCount = eventCount;
        row.newestOffset = NO_OFFSET;
        emitted.add(asOfMs);
        output.collect(new StreamRecord<>(row));
    }
}
