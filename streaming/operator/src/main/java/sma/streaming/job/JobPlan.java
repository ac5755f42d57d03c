package sma.streaming.job;

import java.io.Serializable;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import sma.streaming.window.Average;
import sma.streaming.window.Averages;

/**
 * All that the job needs to know, as {@code streaming/submit/plan.py} writes it: one JSON object, keys in snake_case.
 *
 * @param generation of the rules that rows and side outputs are made by; a row never replaces one of a later generation
 * @param maxAheadMs how far ahead of its record's timestamp a time may be
 * @param lingerMs how long records may wait to travel together
 * @param kafka where the log is
 * @param database where rows go; null for nowhere
 */
public record JobPlan(
        long generation,
        long watermarkDelayMs,
        long allowedLatenessMs,
        long maxAheadMs,
        List<Average> windows,
        long lingerMs,
        Kafka kafka,
        Database database) {

    /**
     * The topics, and where to begin and, if anywhere, to end.
     *
     * @param properties by which every client connects, {@code bootstrap.servers} and secrets among them
     * @param fromOffsets by partition; used only where the job does not restore from a snapshot
     * @param toOffsets by partition; null to run for ever
     * @param emitFromOffsets by partition; no row is emitted that no record from there on fires; null to emit every row
     * @param publishFromOffsets by partition; what records before it give is in the topics already
     * @param commitsOffsets whether the offsets that its checkpoints cover are committed to Kafka, under the group
     * @param averagesTopic for subscribers; null for none
     * @param lateEventsTopic null for none, as for the next one
     */
    public record Kafka(
            Map<String, String> properties,
            String group,
            String eventsTopic,
            String lateEventsTopic,
            String rejectedEventsTopic,
            String averagesTopic,
            String transactionalIdPrefix,
            Map<Integer, Long> fromOffsets,
            Map<Integer, Long> toOffsets,
            Map<Integer, Long> emitFromOffsets,
            Map<Integer, Long> publishFromOffsets,
            boolean commitsOffsets) {

        /** Returns how a client connects, to add to; what the job sets itself replaces what is there. */
        Properties connection() {
            Properties connection = new Properties();
            connection.putAll(properties);
            return connection;
        }

        @Override
        public String toString() {
            return eventsTopic;
        }
    }

    /** A JDBC URL and, where the URL has none, a user with a password. */
    public record Database(String url, String user, String password) implements Serializable {
        @Override
        public String toString() {
            return url;
        }
    }

    /**
     * Returns the plan that a JSON object holds.
     *
     * @throws IllegalArgumentException as {@link PlanJson} says
     */
    static JobPlan fromJson(String json) {
        return PlanJson.read(json, JobPlan.class);
    }

    Averages averages() {
        return new Averages(watermarkDelayMs, allowedLatenessMs, maxAheadMs, windows);
    }
}
