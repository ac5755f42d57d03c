package sma.streaming.job;

import java.io.Serializable;
import java.util.List;
import java.util.Map;
import sma.streaming.window.Rules;
import sma.streaming.window.Window;

/**
 * All that the job needs to know, as {@code streaming/submit/plan.py} writes it: one JSON object, keys in snake_case.
 *
 * @param maxAheadMs how far ahead of its record's timestamp a time may stand
 * @param lingerMs how long records may wait to travel together
 * @param kafka where the log is
 * @param database where rows go; null for nowhere
 */
public record JobPlan(
        long watermarkDelayMs,
        long allowedLatenessMs,
        long maxAheadMs,
        List<Window> windows,
        long lingerMs,
        Kafka kafka,
        Database database) {

    /**
     * The topics, and where to begin and, if anywhere, to end.
     *
     * @param fromOffsets by partition; used only where the job does not resume from a snapshot
     * @param toOffsets by partition; null to go on for ever
     * @param statedFromOffsets by partition; nothing is stated that no record from there on states or corrects; null
     *     to state everything
     * @param commitsOffsets whether what its checkpoints cover is told to Kafka, under the group
     * @param averagesTopic for subscribers; null for none
     * @param lateEventsTopic null for none, as for the next one
     */
    public record Kafka(
            String bootstrap,
            String group,
            String eventsTopic,
            String lateEventsTopic,
            String rejectedEventsTopic,
            String averagesTopic,
            String transactionalIdPrefix,
            Map<Integer, Long> fromOffsets,
            Map<Integer, Long> toOffsets,
            Map<Integer, Long> statedFromOffsets,
            boolean commitsOffsets) {}

    /**
     * A JDBC URL and, where it holds none, a user with a password.
     *
     * @param replacesNewer whether a row counts though a stored one follows from more of the log: so for a job that
     *     computes all anew, perhaps by another rule
     */
    public record Database(String url, String user, String password, boolean replacesNewer) implements Serializable {
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

    Rules rules() {
        return new Rules(watermarkDelayMs, allowedLatenessMs, windows);
    }
}
