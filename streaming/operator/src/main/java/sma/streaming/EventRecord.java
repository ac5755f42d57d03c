package sma.streaming;

/**
 * What a Kafka record's bytes say: an event, a heartbeat, or the reason why they are neither.
 *
 * <p>A rejected record keeps the times that could be read, so that the check against the record's
 * timestamp, which precedes that of the value, can still be made after this one.
 *
 * @param customer of an event, else null
 * @param metric of an event, else null
 * @param eventTimeMs milliseconds since the Unix epoch; null where there is none
 * @param valueMicros of an event, in micro-units; null where there is none
 * @param heartbeatMs of a heartbeat, else null
 * @param reason of a rejected record, else null
 */
record EventRecord(
        String customer, String metric, Long eventTimeMs, Long valueMicros, Long heartbeatMs, String reason) {

    static EventRecord event(String customer, String metric, long eventTimeMs, long valueMicros) {
        return new EventRecord(customer, metric, eventTimeMs, valueMicros, null, null);
    }

    static EventRecord heartbeat(long heartbeatMs) {
        return new EventRecord(null, null, null, null, heartbeatMs, null);
    }

    static EventRecord rejected(Long eventTimeMs, String reason) {
        return new EventRecord(null, null, eventTimeMs, null, null, reason);
    }
}
