package sma.streaming.job;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.sql.ResultSet;
import java.sql.SQLException;
import org.apache.flink.connector.jdbc.core.datastream.source.reader.extractor.ResultExtractor;
import sma.streaming.record.Limits;

/** A row of an average, read back from the database; the sum is a whole number of micro-units. */
public final class StoredRow {
    public String customer;
    public String metric;
    public long asOfMs;
    public BigInteger sumMicros;
    public long eventCount;

    /** Reads {@code customer, metric, as_of_ms, value_sum, event_count}. */
    static final class Reader implements ResultExtractor<StoredRow> {
        private static final long serialVersionUID = 1L;

        @Override
        public StoredRow extract(ResultSet read) throws SQLException {
            StoredRow row = new StoredRow();
            row.customer = read.getString(1);
            row.metric = read.getString(2);
            row.asOfMs = read.getLong(3);
            BigDecimal valueSum = read.getBigDecimal(4);
            row.sumMicros = valueSum.setScale(Limits.VALUE_SCALE).unscaledValue();
            row.eventCount = read.getLong(5);
            return row;
        }
    }
}
