package sma.streaming.record;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import sma.streaming.record.JsonObject.Field;
import sma.streaming.record.JsonObject.Kind;

/** Reads a record's bytes as {@code read_record} of sma/event.py does. One pass; linear in their number. */
final class EventReader {
    /** Kafka's own mark of a record without a timestamp. */
    static final long NO_TIMESTAMP_MS = -1;

    private static final char REPLACEMENT = '\uFFFD';

    private final long maxAheadMs;

    /** Reads events whose time may be {@code maxAheadMs} ahead of their records' timestamps. */
    EventReader(long maxAheadMs) {
        this.maxAheadMs = maxAheadMs;
    }

    /** Returns what a record is; null, a record without a value, is a rejected one like any other. */
    EventRecord read(byte[] key, byte[] raw, long recordTimestampMs) {
        try {
            if (isTooLong(lengthOf(key), lengthOf(raw))) {
                throw new RejectedException(reasonOf(lengthOf(raw)));
            }
            JsonObject fields = JsonObject.parse(decode(raw));
            if (fields.heartbeat != null && !fields.hasEventField()) {
                return EventRecord.heartbeat(logTimeMs(time(fields.heartbeat, "heartbeat"), recordTimestampMs));
            }
            String customer = name(fields.customer, "customer");
            String metric = name(fields.metric, "metric");
            long eventTimeMs = eventTime(fields.eventTime, recordTimestampMs);
            long valueMicros = value(fields.value);
            if (key == null || !Arrays.equals(key, (customer + '/' + metric).getBytes(StandardCharsets.UTF_8))) {
                throw new RejectedException("wrong_key: not customer/metric of the event");
            }
            return EventRecord.event(customer, metric, eventTimeMs, logTimeMs(eventTimeMs, recordTimestampMs), valueMicros);
        } catch (RejectedException rejected) {
            return EventRecord.rejected(rejected.getMessage());
        }
    }

    /** Whether a record is rejected without being read. */
    static boolean isTooLong(int keyLength, int valueLength) {
        return valueLength > Limits.MAX_RECORD_BYTES || keyLength > Limits.MAX_RECORD_BYTES;
    }

    /** Why a record that is too long is rejected. */
    static String reasonOf(int valueLength) {
        String what = valueLength > Limits.MAX_RECORD_BYTES ? "" : "key: ";
        return what + "longer than " + Limits.MAX_RECORD_BYTES + " bytes";
    }

    private static int lengthOf(byte[] bytes) {
        return bytes == null ? 0 : bytes.length;
    }

    /** Whether a time is so far ahead of its record's timestamp, if there is one, that its clock must be wrong. */
    boolean isAhead(long timeMs, long recordTimestampMs) {
        return recordTimestampMs != NO_TIMESTAMP_MS && timeMs - maxAheadMs > recordTimestampMs;
    }

    /** The time as of which a record counts in the log: its own, or its timestamp where there is one and it is earlier. */
    static long logTimeMs(long timeMs, long recordTimestampMs) {
        return recordTimestampMs == NO_TIMESTAMP_MS ? timeMs : Math.min(timeMs, recordTimestampMs);
    }

    static boolean isInRange(long timeMs) {
        return timeMs >= Limits.EARLIEST_EVENT_TIME_MS && timeMs < Limits.LATEST_EVENT_TIME_MS;
    }

    /** Decodes strictly: by the fast and lenient decoder, and by the strict one where that replaced something. */
    private static String decode(byte[] raw) throws RejectedException {
        if (raw == null) {
            throw new RejectedException(JsonObject.NOT_JSON);
        }
        String text = new String(raw, StandardCharsets.UTF_8);
        if (text.indexOf(REPLACEMENT) >= 0) {
            try {
                StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(raw));
            } catch (CharacterCodingException malformed) {
                throw new RejectedException(JsonObject.NOT_JSON);
            }
        }
        return text;
    }

    private static String name(Field field, String name) throws RejectedException {
        if (present(field, name).kind() != Kind.STRING) {
            throw new RejectedException(name + ": not a string");
        }
        String text = field.text();
        int characters = text.codePointCount(0, text.length());
        if (characters < 1 || characters > Limits.MAX_NAME_CHARACTERS) {
            throw new RejectedException(name + ": not 1 to " + Limits.MAX_NAME_CHARACTERS + " characters");
        }
        if (text.chars().anyMatch(EventReader::isForbidden)) {
            throw new RejectedException(name + ": has a '/' or a control character");
        }
        if (text.codePoints().anyMatch(EventReader::isSurrogate)) {
            throw new RejectedException(name + ": not Unicode text");
        }
        return text;
    }

    private static boolean isForbidden(int character) {
        return character == '/' || Character.isISOControl(character);
    }

    /** A surrogate among code points is one without its other half. */
    private static boolean isSurrogate(int codePoint) {
        return codePoint >= Character.MIN_SURROGATE && codePoint <= Character.MAX_SURROGATE;
    }

    private long eventTime(Field field, long recordTimestampMs) throws RejectedException {
        long timeMs = time(field, "event_time");
        if (isAhead(timeMs, recordTimestampMs)) {
            throw new RejectedException("event_time: more than max_ahead ahead of the record's timestamp");
        }
        return timeMs;
    }

    private static long time(Field field, String name) throws RejectedException {
        String text = present(field, name).text();
        if (field.kind() != Kind.NUMBER || !isInteger(text)) {
            throw new RejectedException(name + ": not an integer");
        }
        if (text.length() - (text.startsWith("-") ? 1 : 0) > Limits.MAX_TIME_DIGITS) {
            throw new RejectedException(name + ": out of range");
        }
        long timeMs = Long.parseLong(text);
        if (!isInRange(timeMs)) {
            throw new RejectedException(name + ": out of range");
        }
        return timeMs;
    }

    /** The text is known to be a JSON number. */
    private static boolean isInteger(String number) {
        return number.indexOf('.') < 0 && number.indexOf('e') < 0 && number.indexOf('E') < 0;
    }

    private static long value(Field field) throws RejectedException {
        if (present(field, "value").kind() == Kind.OTHER) {
            throw new RejectedException("value: not a number");
        }
        try {
            return ValueText.parseMicros(field.text());
        } catch (RejectedException rejected) {
            throw new RejectedException("value: " + rejected.getMessage());
        }
    }

    private static Field present(Field field, String name) throws RejectedException {
        if (field == null || field.kind() == Kind.NULL) {
            throw new RejectedException(name + ": missing");
        }
        return field;
    }
}
