package sma.streaming.window;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import sma.streaming.window.Oracle.Key;
import sma.streaming.window.Oracle.Pair;
import sma.streaming.window.Oracle.Sent;

/** Holds the stream to the cases of tests/vectors, as tests/contract/test_shared_vectors.py holds the batch layer. */
class VectorsTest {
    private static final long NOTHING_IS_LATE_MS = 1_000_000_000_000_000L;
    private static final List<Integer> BLOCK_RECORDS = List.of(1, 2, 1_000);

    @TestFactory
    Stream<DynamicTest> hasTheRowsOfEachCase() throws IOException {
        return cases("windows.json").map(vector -> DynamicTest.dynamicTest(vector.get("why").asText(), () -> {
            Average average = average(vector.get("window"));
            Map<Key, Pair> expected = rows(vector);
            for (long delayMs : List.of(0L, 7L, 100L)) { // rows are emitted soon and corrected, or emitted once
                Averages config = new Averages(delayMs, NOTHING_IS_LATE_MS, 0, List.of(average));
                List<Sent> log = closed(events(vector), average, delayMs);
                assertEquals(expected, Oracle.rows(config, log));
                for (int records : BLOCK_RECORDS) {
                    assertEquals(expected, tables(config, log, records).rows);
                }
            }
        }));
    }

    @TestFactory
    Stream<DynamicTest> hasTheLateEventsOfEachCase() throws IOException {
        return cases("lateness.json").map(vector -> DynamicTest.dynamicTest(vector.get("why").asText(), () -> {
            Averages config = new Averages(0, vector.get("allowed_lateness_ms").asLong(), 0, List.of());
            List<Sent> log = events(vector);
            Set<Long> expected = late(vector);
            assertEquals(expected, Oracle.late(config, log));
            for (int records : BLOCK_RECORDS) {
                assertEquals(expected, tables(config, log, records).late);
            }
        }));
    }

    @TestFactory
    Stream<DynamicTest> knowsTheSeriesOfEachCaseFromTheSameTimeOn() throws IOException {
        return cases("origin.json").map(vector -> DynamicTest.dynamicTest(vector.get("why").asText(), () -> {
            Averages config = new Averages(
                    0, vector.get("allowed_lateness_ms").asLong(), vector.get("max_ahead_ms").asLong(), List.of());
            List<Sent> log = records(vector);
            for (int records : BLOCK_RECORDS) {
                Origin origin = Origin.of(false);
                for (int from = 0; from < log.size(); from += records) {
                    EventBlock block = Oracle.block(0, log, from, Math.min(log.size(), from + records));
                    JsonNode appendedMs = vector.get("appended_ms");
                    block.appendedMs = from > 0 || appendedMs.isNull() ? Long.MAX_VALUE : appendedMs.asLong();
                    origin.take(block);
                }
                vector.get("known_from_ms").fields().forEachRemaining(known -> {
                    long firstLogTimeMs = log.stream()
                            .filter(sent -> sent.series().equals(known.getKey() + "/m"))
                            .mapToLong(Sent::logTimeMs)
                            .findFirst()
                            .orElseThrow();
                    assertEquals(known.getValue().asLong(), origin.knownFromMs(firstLogTimeMs, config));
                });
            }
        }));
    }

    private static Tables tables(Averages config, List<Sent> log, int records) {
        Tables tables = new Tables();
        PartitionAverages averages = new PartitionAverages(config, new MemoryStore(), tables, true);
        for (int from = 0; from < log.size(); from += records) {
            averages.process(Oracle.block(0, log, from, Math.min(log.size(), from + records)));
        }
        return tables;
    }

    /** The events and a heartbeat behind the last window that holds one of them. */
    private static List<Sent> closed(List<Sent> events, Average average, long delayMs) {
        long newest = events.stream().mapToLong(Sent::timeMs).max().orElseThrow();
        List<Sent> log = new ArrayList<>(events);
        log.add(new Sent(Sent.HEARTBEAT, newest + average.durationMs() + average.everyMs() + delayMs, 0));
        return log;
    }

    private static Stream<JsonNode> cases(String file) throws IOException {
        JsonNode cases = new ObjectMapper().readTree(Path.of(System.getProperty("vectors"), file).toFile());
        assertTrue(cases.size() > 10);
        return StreamSupport.stream(cases.spliterator(), false);
    }

    private static Average average(JsonNode window) {
        return new Average(
                "x",
                window.path("event_count").asLong(),
                window.path("duration_ms").asLong(),
                window.get("every_ms").asLong(),
                window.path("offset_ms").asLong());
    }

    private static List<Sent> events(JsonNode vector) {
        List<Sent> events = new ArrayList<>();
        for (JsonNode event : vector.get("events")) {
            boolean hasValue = vector.has("window");
            long timeMs = event.get(1).asLong();
            long timestampMs = !hasValue && event.path(2).isNumber() ? event.get(2).asLong() : timeMs;
            long valueMicros = hasValue ? micros(event.get(2)).longValueExact() : 1;
            events.add(new Sent(name(event), timeMs, Math.min(timeMs, timestampMs), valueMicros));
        }
        return events;
    }

    private static List<Sent> records(JsonNode vector) {
        List<Sent> log = new ArrayList<>();
        for (JsonNode record : vector.get("records")) {
            String series = record.get(0).asText().equals("heartbeat") ? Sent.HEARTBEAT : name(record);
            for (int times = record.size() > 2 ? record.get(2).asInt() : 1; times > 0; times--) {
                log.add(new Sent(series, record.get(1).asLong(), 1));
            }
        }
        return log;
    }

    private static Map<Key, Pair> rows(JsonNode vector) {
        Map<Key, Pair> rows = new HashMap<>();
        for (JsonNode row : vector.get("rows")) {
            Pair pair = new Pair(micros(row.get(2)).toBigIntegerExact(), row.get(3).asLong());
            rows.put(new Key(name(row), "x", row.get(1).asLong()), pair);
        }
        return rows;
    }

    private static Set<Long> late(JsonNode vector) {
        Set<Long> late = new HashSet<>();
        for (int place = 0; place < vector.get("events").size(); place++) {
            JsonNode event = vector.get("events").get(place);
            if (event.get(event.size() - 1).asText().equals("late")) {
                late.add((long) place);
            }
        }
        return late;
    }

    private static String name(JsonNode event) {
        return event.get(0).asText() + "/m";
    }

    private static BigDecimal micros(JsonNode value) {
        return new BigDecimal(value.asText()).movePointRight(6).setScale(0, RoundingMode.HALF_UP);
    }
}
