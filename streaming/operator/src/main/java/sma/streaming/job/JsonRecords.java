package sma.streaming.job;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import org.apache.flink.connector.kafka.lineage.DefaultKafkaDatasetFacet;
import org.apache.flink.connector.kafka.lineage.DefaultKafkaDatasetIdentifier;
import org.apache.flink.connector.kafka.lineage.KafkaDatasetFacet;
import org.apache.flink.connector.kafka.lineage.KafkaDatasetFacetProvider;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.core.JsonFactory;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.core.JsonGenerator;
import org.apache.kafka.clients.producer.ProducerRecord;

/** What the job writes to topics: JSON objects of its generation, each under a key that names what the object is about. */
final class JsonRecords<T> implements KafkaRecordSerializationSchema<T>, KafkaDatasetFacetProvider {
    private static final long serialVersionUID = 1L;
    private static final JsonFactory JSON = new JsonFactory();

    private final String topic;
    private final long generation;
    private final Writer<T> writer;

    /** Writes the fields of one object, and returns the record's key. */
    interface Writer<T> extends Serializable {
        String write(T value, JsonGenerator json) throws IOException;
    }

    JsonRecords(String topic, long generation, Writer<T> writer) {
        this.topic = topic;
        this.generation = generation;
        this.writer = writer;
    }

    @Override
    public ProducerRecord<byte[], byte[]> serialize(T value, KafkaSinkContext context, Long timestamp) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(256);
        String key;
        try (JsonGenerator json = JSON.createGenerator(bytes)) {
            json.writeStartObject();
            key = writer.write(value, json);
            json.writeNumberField("generation", generation);
            json.writeEndObject();
        } catch (IOException impossible) {
            throw new UncheckedIOException("writing to memory", impossible);
        }
        return new ProducerRecord<>(topic, key.getBytes(StandardCharsets.UTF_8), bytes.toByteArray());
    }

    /** Names the topic: the sink looks there for transactions that a job that ended has left open. */
    @Override
    public Optional<KafkaDatasetFacet> getKafkaDatasetFacet() {
        return Optional.of(new DefaultKafkaDatasetFacet(DefaultKafkaDatasetIdentifier.ofTopics(List.of(topic))));
    }

    static String write(LateEvent late, JsonGenerator json) throws IOException {
        json.writeNumberField("partition", late.partition());
        json.writeNumberField("kafka_offset", late.kafkaOffset());
        json.writeStringField("customer", late.customer());
        json.writeStringField("metric", late.metric());
        json.writeNumberField("event_time", late.eventTimeMs());
        json.writeStringField("value", late.value());
        json.writeNumberField("newest_log_time", late.maxLogTimeMs());
        return late.partition() + "/" + late.kafkaOffset();
    }

    /** The bytes are written in base64; of a long key or value its beginning. */
    static String write(RejectedEvent rejected, JsonGenerator json) throws IOException {
        json.writeNumberField("partition", rejected.partition());
        json.writeNumberField("kafka_offset", rejected.kafkaOffset());
        json.writeNumberField("record_timestamp", rejected.recordTimestampMs());
        json.writeStringField("reason", rejected.reason());
        write("key", rejected.key(), json);
        write("raw", rejected.value(), json);
        return rejected.partition() + "/" + rejected.kafkaOffset();
    }

    private static void write(String name, Excerpt excerpt, JsonGenerator json) throws IOException {
        if (excerpt == null) {
            json.writeNullField(name);
            return;
        }
        json.writeBinaryField(name, excerpt.first());
        json.writeNumberField(name + "_length", excerpt.length());
        json.writeStringField(name + "_sha256", excerpt.sha256());
    }

    /** The key is the row's, so a later record with the same key replaces an earlier one. */
    static String write(AverageRow row, JsonGenerator json) throws IOException {
        json.writeStringField("customer", row.customer);
        json.writeStringField("metric", row.metric);
        json.writeStringField("average", row.average.name());
        json.writeNumberField("as_of", row.asOfMs);
        json.writeStringField("value_sum", row.valueSum());
        json.writeNumberField("event_count", row.eventCount);
        json.writeBooleanField("is_full", row.isFull());
        json.writeNumberField("newest_offset", row.newestOffset);
        return row.customer + '/' + row.metric + '/' + row.average.name() + '/' + row.asOfMs;
    }
}
