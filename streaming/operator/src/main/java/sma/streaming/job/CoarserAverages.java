package sma.streaming.job;

import java.math.BigInteger;
import org.apache.flink.api.common.accumulators.LongCounter;
import org.apache.flink.streaming.api.operators.AbstractStreamOperator;
import org.apache.flink.streaming.api.operators.BoundedOneInput;
import org.apache.flink.streaming.api.operators.OneInputStreamOperator;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import sma.streaming.window.CoarserAverage;
import sma.streaming.window.Window;

/** Runs {@link CoarserAverage} over rows that come series by series, each in the order of {@code as_of}. */
final class CoarserAverages extends AbstractStreamOperator<AverageRow>
        implements OneInputStreamOperator<StoredRow, AverageRow>, BoundedOneInput {
    /** No row that follows from the log itself has so small a version, so none is ever replaced. */
    static final long NO_OFFSET = -1;

    private static final long serialVersionUID = 1L;

    private final Window window;
    private final long startMs;
    private final long endMs;

    private transient CoarserAverage average;
    private transient StoredRow last;
    private transient StatedRows stated;
    private transient LongCounter rowsRead;

    CoarserAverages(Window window, long startMs, long endMs) {
        this.window = window;
        this.startMs = startMs;
        this.endMs = endMs;
    }

    @Override
    public void open() throws Exception {
        super.open();
        average = new CoarserAverage(window, startMs, endMs, this::state);
        stated = new StatedRows(getRuntimeContext());
        rowsRead = new LongCounter();
        getRuntimeContext().addAccumulator("rows_read", rowsRead);
    }

    @Override
    public void processElement(StreamRecord<StoredRow> element) {
        StoredRow row = element.getValue();
        if (last != null && !(row.customer.equals(last.customer) && row.metric.equals(last.metric))) {
            average.finish();
        }
        last = row;
        rowsRead.add(1);
        average.add(row.asOfMs, row.sumMicros, row.eventCount);
    }

    @Override
    public void endInput() {
        average.finish();
    }

    private void state(long asOfMs, BigInteger sumMicros, long eventCount) {
        AverageRow row = new AverageRow();
        row.customer = last.customer;
        row.metric = last.metric;
        row.window = window;
        row.asOfMs = asOfMs;
        row.sumHigh = sumMicros.shiftRight(Long.SIZE).longValueExact();
        row.sumLow = sumMicros.longValue();
        row.eventCount = eventCount;
        row.newestOffset = NO_OFFSET;
        stated.add(asOfMs);
        output.collect(new StreamRecord<>(row));
    }
}
