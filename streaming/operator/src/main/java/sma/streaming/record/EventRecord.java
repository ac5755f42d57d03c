package sma.streaming.record;

/**
 * What a Kafka record says: an event, a heartbeat, or the reason why it is neither.
 *
 * @param customer of an event, else null
 * @param metric of an event, else null
 * @param timeMs of an event or a heartbeat, in milliseconds since the Unix epoch; else 0
 * @param valueMicros of an event, in micro-units; else 0
 * @param reason of a rejected record, else null
 */
record EventRecord(String customer, String metric, long timeMs, long valueMicros, String reason) {

    static EventRecord event(String customer, String metric, long eventTimeMs, long valueMicros) {
        return new EventRecord(customer, metric, eventTimeMs, valueMicros, null);
    }

    static EventRecord heartbeat(long heartbeatMs) {
        return new EventRecord(null, null, heartbeatMs, 0, null);
    }

    static EventRecord rejected(String reason) {
        return new EventRecord(null, null, 0, 0, reason);
    }
}
