package sma.streaming.job;

import java.io.IOException;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.util.Collector;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.record.TimestampType;

/** A record of the log, not parsed yet. */
public final class LogRecord {
    public int partition;
    public long offset;
    public long timestampMs;

    /** When Kafka took the record; the largest long where the timestamp is its producer's. */
    public long appendedMs;

    /** Null where the record has no key; abridged by {@link BoundedBytes} where it is too long. */
    public byte[] key;

    /** Null where the record has no value; likewise. */
    public byte[] value;

    /** Of the whole key, in bytes; 0 or less where there is none. */
    public int keyLength;

    /** Of the whole value, likewise. */
    public int valueLength;

    /** Hands over the same object again and again: the operator that takes it is chained to the source. */
    static final class Reader implements KafkaRecordDeserializationSchema<LogRecord> {
        private static final long serialVersionUID = 1L;

        private transient LogRecord reused;

        @Override
        public void deserialize(ConsumerRecord<byte[], byte[]> read, Collector<LogRecord> out) throws IOException {
            if (reused == null) {
                reused = new LogRecord();
            }
            reused.partition = read.partition();
            reused.offset = read.offset();
            reused.timestampMs = read.timestamp();
            reused.appendedMs = read.timestampType() == TimestampType.LOG_APPEND_TIME ? read.timestamp() : Long.MAX_VALUE;
            reused.key = read.key();
            reused.value = read.value();
            reused.keyLength = read.serializedKeySize();
            reused.valueLength = read.serializedValueSize();
            out.collect(reused);
        }

        @Override
        public TypeInformation<LogRecord> getProducedType() {
            return TypeInformation.of(LogRecord.class);
        }
    }
}
