package sma.streaming.record;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** Holds the reader to tests/vectors/records.jsonl, as tests/unit/test_event.py holds the Python one. */
class RecordVectorsTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    @TestFactory
    Stream<DynamicTest> readsEachRecordAsTheVectorsSay() throws IOException {
        return vectors().stream().map(vector -> DynamicTest.dynamicTest(vector.get("why").asText(), () -> {
            assertEquals(expected(vector), strictly(vector));
            assertEquals(expected(vector), quickly(vector));
        }));
    }

    @Test
    void thereAreManyVectors() throws IOException {
        assertTrue(vectors().size() > 100);
    }

    private static EventRecord strictly(JsonNode vector) {
        return new EventReader(maxAheadMs(vector)).read(key(vector), raw(vector), timestamp(vector));
    }

    private static EventRecord quickly(JsonNode vector) {
        RecordReader reader = new RecordReader(maxAheadMs(vector));
        return switch (reader.read(key(vector), raw(vector), timestamp(vector))) {
            case REJECTED -> EventRecord.rejected(reader.reason);
            case HEARTBEAT -> EventRecord.heartbeat(reader.logTimeMs);
            case EVENT -> {
                String[] names = new String(reader.copySeries(), StandardCharsets.UTF_8).split("/");
                yield EventRecord.event(names[0], names[1], reader.timeMs, reader.logTimeMs, reader.valueMicros);
            }
        };
    }

    private static long timestamp(JsonNode vector) {
        return vector.has("record_timestamp_ms") ? vector.get("record_timestamp_ms").asLong() : EventReader.NO_TIMESTAMP_MS;
    }

    private static long maxAheadMs(JsonNode vector) {
        return vector.has("max_ahead_ms") ? vector.get("max_ahead_ms").asLong() : 0;
    }

    private static List<JsonNode> vectors() throws IOException {
        return Files.readAllLines(Path.of(System.getProperty("vectors"), "records.jsonl")).stream()
                .map(RecordVectorsTest::parse)
                .toList();
    }

    private static JsonNode parse(String line) {
        try {
            return JSON.readTree(line);
        } catch (IOException error) {
            throw new IllegalArgumentException(line, error);
        }
    }

    private static byte[] raw(JsonNode vector) {
        return bytes(vector, "raw", null);
    }

    /** Where the case gives none, the key is that of its event. */
    private static byte[] key(JsonNode vector) {
        JsonNode expect = vector.get("expect");
        String series = expect.path("customer").asText() + "/" + expect.path("metric").asText();
        return bytes(vector, "key", expect.has("customer") ? series.getBytes(StandardCharsets.UTF_8) : null);
    }

    private static byte[] bytes(JsonNode vector, String name, byte[] otherwise) {
        if (vector.has(name + "_base64")) {
            return Base64.getDecoder().decode(vector.get(name + "_base64").asText());
        }
        if (!vector.has(name)) {
            return otherwise;
        }
        JsonNode text = vector.get(name);
        return text.isNull() ? null : text.asText().getBytes(StandardCharsets.UTF_8);
    }

    private static EventRecord expected(JsonNode vector) {
        JsonNode expect = vector.get("expect");
        if (expect.has("rejected")) {
            return EventRecord.rejected(expect.get("rejected").asText());
        }
        if (expect.has("heartbeat")) {
            return EventRecord.heartbeat(expect.get("heartbeat").asLong());
        }
        return EventRecord.event(
                expect.get("customer").asText(),
                expect.get("metric").asText(),
                expect.get("event_time_ms").asLong(),
                expect.path("log_time_ms").asLong(expect.get("event_time_ms").asLong()),
                expect.get("value_micros").asLong());
    }
}
