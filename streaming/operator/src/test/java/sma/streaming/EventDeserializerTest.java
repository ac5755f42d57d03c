package sma.streaming;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.flink.table.data.RowData;
import org.apache.flink.util.Collector;
import org.junit.jupiter.api.Test;

class EventDeserializerTest {
    private final EventDeserializer deserializer = new EventDeserializer(null);

    @Test
    void anEventBecomesTypedColumns() {
        RowData row = deserializer.deserialize(
                "{\"customer\": \"AA\", \"metric\": \"delay\", \"event_time\": 7, \"value\": \"-12.5\"}"
                        .getBytes(StandardCharsets.UTF_8));
        assertEquals("AA", row.getString(0).toString());
        assertEquals("delay", row.getString(1).toString());
        assertEquals(7, row.getLong(2));
        assertEquals("-12.500000", row.getDecimal(3, 19, 6).toString());
        assertTrue(row.isNullAt(4) && row.isNullAt(5));
    }

    @Test
    void aRecordWithoutAValueIsRejectedAndNotLost() throws Exception {
        List<RowData> rows = new ArrayList<>();
        deserializer.deserialize(null, new ListCollector(rows));
        assertEquals(1, rows.size());
        assertEquals("not UTF-8 JSON", rows.get(0).getString(5).toString());
        assertTrue(rows.get(0).isNullAt(6));
    }

    @Test
    void aRejectedRecordKeepsItsBytes() {
        byte[] raw = {(byte) 0xff};
        assertArrayEquals(raw, deserializer.deserialize(raw).getBinary(6));
    }

    private record ListCollector(List<RowData> rows) implements Collector<RowData> {
        @Override
        public void collect(RowData row) {
            rows.add(row);
        }

        @Override
        public void close() {}
    }
}
