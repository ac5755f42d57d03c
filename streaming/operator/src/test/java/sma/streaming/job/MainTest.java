package sma.streaming.job;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the entry point makes of its arguments, and what an error about a plan says. */
class MainTest {
    private static final String KAFKA =
            """
            "kafka": {"properties": {"bootstrap.servers": "b:1", "sasl.jaas.config": "secret"}, "group": "g",
                "events_topic": "events", "late_events_topic": null, "rejected_events_topic": null, "averages_topic": null,
                "transactional_id_prefix": "t",
                "from_offsets": {"0": 7}, "to_offsets": null, "emit_from_offsets": null,
                "publish_from_offsets": {}, "commits_offsets": false}""";
    private static final String PLAN =
            """
            {"generation": 1, "watermark_delay_ms": 1, "allowed_lateness_ms": 2, "max_ahead_ms": 3, "linger_ms": 4,
             "windows": [{"average": "a", "event_count": 5, "duration_ms": 0, "every_ms": 6, "offset_ms": 0}],
            """
            + KAFKA + ", \"database\": {\"url\": \"jdbc:x\", \"user\": \"u\", \"password\": \"secret\"}}";

    private static String messageOf(String... arguments) {
        return assertThrows(IllegalArgumentException.class, () -> Main.main(arguments)).getMessage();
    }

    private static String messageOfPlan(String plan) {
        IllegalArgumentException error = assertThrows(IllegalArgumentException.class, () -> JobPlan.fromJson(plan));
        assertNull(error.getCause(), "a cause may repeat what the plan says");
        return error.getMessage();
    }

    private static void assertContains(String expected, String message) {
        assertTrue(message.contains(expected), message);
    }

    @Test
    void planIsRead() {
        JobPlan plan = JobPlan.fromJson(PLAN);
        assertEquals(Map.of(0, 7L), plan.kafka().fromOffsets());
        assertEquals("secret", plan.database().password());
        assertEquals("b:1", plan.kafka().connection().getProperty("bootstrap.servers"));
        assertNull(JobPlan.fromJson(PLAN.replaceAll("\\{\"url\".*?}", "null")).database());
    }

    @Test
    void asTextAPlanHoldsNoSecret() {
        assertFalse(JobPlan.fromJson(PLAN).toString().contains("secret"));
    }

    @Test
    void wrongArgumentsAreAnsweredWithTheUsage() {
        assertTrue(messageOf().startsWith("usage: "));
        assertTrue(messageOf("MovingAveragesJob", "--plan").startsWith("usage: "));
        assertTrue(messageOf("MovingAveragesJob", "--plans", "{}").startsWith("no option --plans; usage: "));
        assertTrue(messageOf("SomeJob", "--plan", "{}").startsWith("no job SomeJob; usage: "));
    }

    @Test
    void planInAFileIsReadByItsPathOrItsUri(@TempDir Path folder) throws Exception {
        Path file = Files.writeString(folder.resolve("plan.json"), "{\"windows\": 1}");
        String expected = messageOf("MovingAveragesJob", "--plan", "{\"windows\": 1}");
        assertEquals(expected, messageOf("MovingAveragesJob", "--plan-file", file.toString()));
        assertEquals(expected, messageOf("MovingAveragesJob", "--plan-file", file.toUri().toString()));
    }

    @Test
    void anErrorNamesTheKey() {
        assertContains("key extra:", messageOfPlan(PLAN.replace("\"linger_ms\"", "\"extra\": 1, \"linger_ms\"")));
        assertContains("key max_ahead_ms:", messageOfPlan(PLAN.replace("\"max_ahead_ms\": 3,", "")));
        assertContains("key kafka.group:", messageOfPlan(PLAN.replace("\"group\": \"g\",", "")));
        assertContains("key kafka.from_offsets:", messageOfPlan(PLAN.replace("{\"0\": 7}", "[7]")));
        assertContains("key windows.[0].every_ms:", messageOfPlan(PLAN.replace("\"every_ms\": 6", "\"every_ms\": null")));
        assertEquals("the plan is not JSON", messageOfPlan("plan"));
    }

    @Test
    void anErrorRepeatsNoValue() {
        String asText = PLAN.replaceAll("\\{\"url\".*?}", "\"jdbc:x?password=secret\"");
        assertFalse(messageOfPlan(asText).contains("secret"));
        assertFalse(messageOfPlan(PLAN.replace("\"secret\"", "{\"is\": \"secret\"}")).contains("secret"));
        assertContains(
                "key kafka.properties.sasl.jaas.config:",
                messageOfPlan(PLAN.replace("config\": \"secret\"", "config\": [\"secret\"]")));
        assertFalse(messageOfPlan(PLAN.replace("\"password\":", "\"password\" secret:")).contains("secret"));
    }
}
