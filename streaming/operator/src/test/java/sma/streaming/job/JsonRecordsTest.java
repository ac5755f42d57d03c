package sma.streaming.job;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.junit.jupiter.api.Test;

class JsonRecordsTest {
    private static ProducerRecord<byte[], byte[]> written(byte[] key, byte[] value) {
        LogRecord record = new LogRecord();
        record.partition = 3;
        record.offset = 12;
        record.timestampMs = 7;
        record.key = key;
        record.value = value;
        RejectedEvent rejected = new RejectedEvent(record, "not a JSON object");
        return new JsonRecords<RejectedEvent>("rejected_events", 4, JsonRecords::write).serialize(rejected, null, null);
    }

    private static JsonNode json(ProducerRecord<byte[], byte[]> record) throws IOException {
        return new ObjectMapper().readTree(record.value());
    }

    @Test
    void aRejectedEventHasItsBytesItsPlaceAndItsReason() throws IOException {
        byte[] value = "[1]".getBytes(StandardCharsets.UTF_8);
        ProducerRecord<byte[], byte[]> record = written("k".getBytes(StandardCharsets.UTF_8), value);
        JsonNode json = json(record);
        assertArrayEquals("3/12".getBytes(StandardCharsets.UTF_8), record.key());
        assertArrayEquals(value, json.get("raw").binaryValue());
        assertEquals(3, json.get("raw_length").asInt());
        // printf '[1]' | sha256sum
        assertEquals("080a9ed428559ef602668b4c00f114f1a11c3f6b02a435f0bdc154578e4d7f22", json.get("raw_sha256").asText());
        assertArrayEquals("k".getBytes(StandardCharsets.UTF_8), json.get("key").binaryValue());
        assertEquals("not a JSON object", json.get("reason").asText());
        assertEquals(4, json.get("generation").asInt());
    }

    @Test
    void whatIsNotThereIsNull() throws IOException {
        JsonNode json = json(written(null, null));
        assertTrue(json.get("raw").isNull());
        assertTrue(json.get("key").isNull());
    }

    @Test
    void theLargestRecordIsWrittenAsASmallOne() throws IOException {
        byte[] large = new byte[900_000];
        Arrays.fill(large, (byte) 'x');
        ProducerRecord<byte[], byte[]> record = written(large, large);
        assertTrue(record.value().length < 10_000);
        JsonNode json = json(record);
        assertEquals(900_000, json.get("raw_length").asInt());
        assertEquals(900_000, json.get("key_length").asInt());
        assertEquals(json.get("raw_sha256"), json.get("key_sha256"));
        assertArrayEquals(Arrays.copyOf(large, 4_096), json.get("raw").binaryValue());
    }
}
