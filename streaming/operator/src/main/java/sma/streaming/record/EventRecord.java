package sma.streaming.record;

/**
 * What a Kafka record says: an event, a heartbeat, or the reason why it is neither.
 *
 * @param customer of an event, else null
 * @param metric of an event, else null
 * @param eventTimeMs of an event, in milliseconds since the Unix epoch; else 0
 * @param logTimeMs of an event or a heartbeat: its time, or the record's timestamp where that is earlier; else 0
 * @param valueMicros of an event, in micro-units; else 0
 * @param reason of a rejected record, else null
 */
record EventRecord(
        String customer, String metric, long eventTimeMs, long logTimeMs, long valueMicros, String reason) {

    static EventRecord event(String customer, String metric, long eventTimeMs, long logTimeMs, long valueMicros) {
        return new EventRecord(customer, metric, eventTimeMs, logTimeMs, valueMicros, null);
    }

    static EventRecord heartbeat(long logTimeMs) {
        return new EventRecord(null, null, 0, logTimeMs, 0, null);
    }

    static EventRecord rejected(String reason) {
        return new EventRecord(null, null, 0, 0, 0, reason);
    }
}
