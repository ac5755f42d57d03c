package sma.streaming;

import java.math.BigDecimal;
import org.apache.flink.api.common.serialization.DeserializationSchema;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.table.data.DecimalData;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.StringData;

/** Turns a record's bytes into the row of {@link EventFormatFactory#COLUMNS}; never null, even where the bytes are. */
final class EventDeserializer implements DeserializationSchema<RowData> {
    private static final long serialVersionUID = 1L;
    private static final int VALUE_PRECISION = 19;

    private final TypeInformation<RowData> producedType;

    EventDeserializer(TypeInformation<RowData> producedType) {
        this.producedType = producedType;
    }

    /** {@code raw} goes along in every row, uncopied, since the SQL may still reject the record. */
    @Override
    public RowData deserialize(byte[] raw) {
        EventRecord read = EventReader.read(raw);
        return GenericRowData.of(
                StringData.fromString(read.customer()),
                StringData.fromString(read.metric()),
                read.eventTimeMs(),
                value(read.valueMicros()),
                read.heartbeatMs(),
                StringData.fromString(read.reason()),
                raw);
    }

    private static DecimalData value(Long micros) {
        return micros == null
                ? null
                : DecimalData.fromBigDecimal(
                        BigDecimal.valueOf(micros, ValueText.SCALE), VALUE_PRECISION, ValueText.SCALE);
    }

    @Override
    public boolean isEndOfStream(RowData next) {
        return false;
    }

    @Override
    public TypeInformation<RowData> getProducedType() {
        return producedType;
    }
}
