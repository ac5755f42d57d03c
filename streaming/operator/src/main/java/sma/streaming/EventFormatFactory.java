package sma.streaming;

import java.util.Set;
import org.apache.flink.api.common.serialization.DeserializationSchema;
import org.apache.flink.configuration.ConfigOption;
import org.apache.flink.configuration.ReadableConfig;
import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.api.ValidationException;
import org.apache.flink.table.connector.ChangelogMode;
import org.apache.flink.table.connector.format.DecodingFormat;
import org.apache.flink.table.connector.source.DynamicTableSource;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.factories.DeserializationFormatFactory;
import org.apache.flink.table.factories.DynamicTableFactory;
import org.apache.flink.table.types.DataType;

/**
 * The format {@code sma-event} of a table's physical columns, which must be those of {@link #COLUMNS}.
 *
 * <p>It gives one row for each record, whatever the record's bytes are.
 */
public final class EventFormatFactory implements DeserializationFormatFactory {
    /** customer, metric, event_time_ms, value, heartbeat_ms, reason, raw: as in {@link EventRecord}. */
    static final DataType COLUMNS =
            DataTypes.ROW(
                    DataTypes.FIELD("customer", DataTypes.STRING()),
                    DataTypes.FIELD("metric", DataTypes.STRING()),
                    DataTypes.FIELD("event_time_ms", DataTypes.BIGINT()),
                    DataTypes.FIELD("value", DataTypes.DECIMAL(19, ValueText.SCALE)),
                    DataTypes.FIELD("heartbeat_ms", DataTypes.BIGINT()),
                    DataTypes.FIELD("reason", DataTypes.STRING()),
                    DataTypes.FIELD("raw", DataTypes.BYTES()));

    @Override
    public String factoryIdentifier() {
        return "sma-event";
    }

    @Override
    public Set<ConfigOption<?>> requiredOptions() {
        return Set.of();
    }

    @Override
    public Set<ConfigOption<?>> optionalOptions() {
        return Set.of();
    }

    @Override
    public DecodingFormat<DeserializationSchema<RowData>> createDecodingFormat(
            DynamicTableFactory.Context context, ReadableConfig formatOptions) {
        return new EventDecodingFormat();
    }

    private static final class EventDecodingFormat implements DecodingFormat<DeserializationSchema<RowData>> {
        @Override
        public DeserializationSchema<RowData> createRuntimeDecoder(
                DynamicTableSource.Context context, DataType physicalDataType) {
            if (!physicalDataType.getLogicalType().copy(true).equals(COLUMNS.getLogicalType())) {
                throw new ValidationException(
                        "format sma-event: the physical columns must be " + COLUMNS + ", not " + physicalDataType);
            }
            return new EventDeserializer(context.createTypeInformation(physicalDataType));
        }

        @Override
        public ChangelogMode getChangelogMode() {
            return ChangelogMode.insertOnly();
        }
    }
}
