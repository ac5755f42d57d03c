package sma.streaming;

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
        return vectors().stream()
                .map(vector -> DynamicTest.dynamicTest(
                        vector.get("why").asText(), () -> assertEquals(expected(vector), EventReader.read(raw(vector)))));
    }

    @Test
    void thereAreManyVectors() throws IOException {
        assertTrue(vectors().size() > 100);
    }

    /** The vectors that need the record's timestamp are the SQL's. */
    private static List<JsonNode> vectors() throws IOException {
        return Files.readAllLines(Path.of(System.getProperty("vectors"))).stream()
                .map(RecordVectorsTest::parse)
                .filter(vector -> !vector.has("record_timestamp_ms"))
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
        if (vector.has("raw_base64")) {
            return Base64.getDecoder().decode(vector.get("raw_base64").asText());
        }
        JsonNode raw = vector.get("raw");
        return raw.isNull() ? null : raw.asText().getBytes(StandardCharsets.UTF_8);
    }

    private static EventRecord expected(JsonNode vector) {
        JsonNode expect = vector.get("expect");
        if (expect.has("rejected")) {
            String reason = expect.get("rejected").asText();
            Long readTimeMs = reason.startsWith("value: ") ? EventReader.read(raw(vector)).eventTimeMs() : null;
            return EventRecord.rejected(readTimeMs, reason);
        }
        if (expect.has("heartbeat")) {
            return EventRecord.heartbeat(expect.get("heartbeat").asLong());
        }
        return EventRecord.event(
                expect.get("customer").asText(),
                expect.get("metric").asText(),
                expect.get("event_time_ms").asLong(),
                expect.get("value_micros").asLong());
    }
}
