package sma.streaming.record;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Reads one record after another into its own fields: an event, a heartbeat, or a rejected record.
 *
 * <p>Records as producers mostly write them are read straight from their bytes, in one pass. All others (escapes, letters
 * beyond ASCII, nesting, exponents, equal keys, anything wrong) are left to {@link EventReader}, which alone decides why a
 * record is rejected. Not for more than one thread.
 */
public final class RecordReader {
    /** What the record that was read last is. */
    public enum Kind {
        EVENT,
        HEARTBEAT,
        REJECTED
    }

    private static final int CUSTOMER = 1;
    private static final int METRIC = 2;
    private static final int EVENT_TIME = 4;
    private static final int VALUE = 8;
    private static final int HEARTBEAT = 16;
    private static final int AN_EVENT = CUSTOMER | METRIC | EVENT_TIME | VALUE;
    private static final int UNKNOWN = 0;
    private static final int MAX_SERIES_BYTES = 2 * 4 * Limits.MAX_NAME_CHARACTERS + 1;

    private final EventReader strict;

    /** {@code customer/metric} of an event, in UTF-8, in the first {@link #seriesLength} bytes. */
    public final byte[] series = new byte[MAX_SERIES_BYTES];

    public int seriesLength;

    /** Of an event, in milliseconds since the Unix epoch. */
    public long timeMs;

    /** Of an event or a heartbeat: its time, or the record's timestamp where that is earlier. */
    public long logTimeMs;

    /** Of an event, in micro-units. */
    public long valueMicros;

    /** Of a rejected record. */
    public String reason;

    private byte[] raw;
    private int position;

    // Where the plain value of the field lies that was read last, and of those that are needed at the end.
    private int start;
    private int end;
    private boolean isString;
    private int customerStart;
    private int customerEnd;
    private int metricStart;
    private int metricEnd;

    /** Reads events whose time may be {@code maxAheadMs} ahead of their records' timestamps. */
    public RecordReader(long maxAheadMs) {
        strict = new EventReader(maxAheadMs);
    }

    /** Rejects a record that is too long to be read, and returns whether it is, by the lengths of its key and value. */
    public boolean rejectTooLong(int keyLength, int valueLength) {
        boolean isTooLong = EventReader.isTooLong(keyLength, valueLength);
        if (isTooLong) {
            reason = EventReader.reasonOf(valueLength);
        }
        return isTooLong;
    }

    /** Reads one record's key and value, null where it has none; linear in the value's length. */
    public Kind read(byte[] key, byte[] value, long recordTimestampMs) {
        if (value != null && value.length <= Limits.MAX_RECORD_BYTES) {
            raw = value;
            position = 0;
            int found = readPlainObject();
            logTimeMs = EventReader.logTimeMs(timeMs, recordTimestampMs);
            if (found == AN_EVENT && !strict.isAhead(timeMs, recordTimestampMs) && joinNames() && isSeries(key)) {
                return Kind.EVENT;
            }
            if (found == HEARTBEAT) {
                return Kind.HEARTBEAT;
            }
        }
        return readStrictly(key, value, recordTimestampMs);
    }

    private boolean isSeries(byte[] key) {
        return key != null && Arrays.equals(key, 0, key.length, series, 0, seriesLength);
    }

    private Kind readStrictly(byte[] key, byte[] value, long recordTimestampMs) {
        EventRecord read = strict.read(key, value, recordTimestampMs);
        reason = read.reason();
        timeMs = read.eventTimeMs();
        logTimeMs = read.logTimeMs();
        valueMicros = read.valueMicros();
        if (reason != null) {
            return Kind.REJECTED;
        }
        if (read.customer() == null) {
            return Kind.HEARTBEAT;
        }
        byte[] names = (read.customer() + '/' + read.metric()).getBytes(StandardCharsets.UTF_8);
        System.arraycopy(names, 0, series, 0, names.length);
        seriesLength = names.length;
        return Kind.EVENT;
    }

    /** Returns the fields found, all of them plain and in order; 0 where the record is not so simple. */
    private int readPlainObject() {
        int found = 0;
        skipWhiteSpace();
        if (!accept('{')) {
            return 0;
        }
        do {
            skipWhiteSpace();
            if (!readPlainString()) {
                return 0;
            }
            int field = fieldNamed();
            skipWhiteSpace();
            if ((found & field) != 0 || !accept(':')) {
                return 0;
            }
            skipWhiteSpace();
            if (!readPlainValue() || !keep(field)) {
                return 0;
            }
            found |= field;
            skipWhiteSpace();
        } while (accept(','));
        if (!accept('}')) {
            return 0;
        }
        skipWhiteSpace();
        return position == raw.length ? found : 0;
    }

    private boolean keep(int field) {
        switch (field) {
            case CUSTOMER:
                customerStart = start;
                customerEnd = end;
                return isString;
            case METRIC:
                metricStart = start;
                metricEnd = end;
                return isString;
            case EVENT_TIME, HEARTBEAT:
                return !isString && readTime();
            case VALUE:
                return readMicros();
            default:
                return true;
        }
    }

    private int fieldNamed() {
        switch (end - start) {
            case 8:
                return isNamed("customer") ? CUSTOMER : UNKNOWN;
            case 6:
                return isNamed("metric") ? METRIC : UNKNOWN;
            case 10:
                return isNamed("event_time") ? EVENT_TIME : UNKNOWN;
            case 5:
                return isNamed("value") ? VALUE : UNKNOWN;
            case 9:
                return isNamed("heartbeat") ? HEARTBEAT : UNKNOWN;
            default:
                return UNKNOWN;
        }
    }

    private boolean isNamed(String name) {
        for (int index = 0; index < name.length(); index++) {
            if (raw[start + index] != name.charAt(index)) {
                return false;
            }
        }
        return true;
    }

    private boolean readPlainValue() {
        isString = position < raw.length && raw[position] == '"';
        return isString ? readPlainString() : readPlainNumber();
    }

    /** A string without escapes, of ASCII characters. */
    private boolean readPlainString() {
        if (!accept('"')) {
            return false;
        }
        start = position;
        while (position < raw.length) {
            byte character = raw[position];
            if (character == '"') {
                end = position++;
                return true;
            }
            if (character < ' ' || character == '\\') {
                return false;
            }
            position++;
        }
        return false;
    }

    /** A JSON number without an exponent. */
    private boolean readPlainNumber() {
        start = position;
        accept('-');
        int first = position;
        int digits = skipDigits();
        if (digits == 0 || digits > 1 && raw[first] == '0') {
            return false;
        }
        if (accept('.') && skipDigits() == 0) {
            return false;
        }
        end = position;
        return position < raw.length && raw[position] != 'e' && raw[position] != 'E';
    }

    /** Needs a whole number that is in range. */
    private boolean readTime() {
        int index = raw[start] == '-' ? start + 1 : start;
        if (end - index > Limits.MAX_TIME_DIGITS) {
            return false;
        }
        long magnitude = 0;
        for (int place = index; place < end; place++) {
            if (raw[place] == '.') {
                return false;
            }
            magnitude = magnitude * 10 + raw[place] - '0';
        }
        timeMs = index > start ? -magnitude : magnitude;
        return EventReader.isInRange(timeMs);
    }

    /** Needs digits with at most one point between them, and not more of them than a value keeps. */
    private boolean readMicros() {
        int index = start;
        boolean isNegative = index < end && raw[index] == '-';
        if (isNegative) {
            index++;
        }
        int first = index;
        long magnitude = 0;
        while (index < end && raw[index] >= '0' && raw[index] <= '9') {
            magnitude = magnitude * 10 + raw[index++] - '0';
        }
        int digits = index - first;
        if (digits == 0 || digits > Limits.VALUE_INTEGER_DIGITS) {
            return false;
        }
        int decimals = 0;
        if (index < end) {
            if (raw[index++] != '.') {
                return false;
            }
            decimals = end - index;
            if (decimals == 0 || decimals > Limits.VALUE_SCALE) {
                return false;
            }
            for (; index < end; index++) {
                if (raw[index] < '0' || raw[index] > '9') {
                    return false;
                }
                magnitude = magnitude * 10 + raw[index] - '0';
            }
        }
        for (; decimals < Limits.VALUE_SCALE; decimals++) {
            magnitude *= 10;
        }
        valueMicros = isNegative ? -magnitude : magnitude;
        return true;
    }

    private boolean joinNames() {
        int customer = customerEnd - customerStart;
        int metric = metricEnd - metricStart;
        if (!isName(customerStart, customerEnd) || !isName(metricStart, metricEnd)) {
            return false;
        }
        System.arraycopy(raw, customerStart, series, 0, customer);
        series[customer] = '/';
        System.arraycopy(raw, metricStart, series, customer + 1, metric);
        seriesLength = customer + 1 + metric;
        return true;
    }

    /** The text is known to have no control character but perhaps DEL. */
    private boolean isName(int from, int until) {
        for (int index = from; index < until; index++) {
            if (raw[index] == '/' || raw[index] == 0x7F) {
                return false;
            }
        }
        return until > from && until - from <= Limits.MAX_NAME_CHARACTERS;
    }

    private int skipDigits() {
        int first = position;
        while (position < raw.length && raw[position] >= '0' && raw[position] <= '9') {
            position++;
        }
        return position - first;
    }

    private boolean accept(char character) {
        if (position < raw.length && raw[position] == character) {
            position++;
            return true;
        }
        return false;
    }

    private void skipWhiteSpace() {
        while (position < raw.length
                && (raw[position] == ' ' || raw[position] == '\n' || raw[position] == '\r' || raw[position] == '\t')) {
            position++;
        }
    }

    /** A copy of the series' bytes. */
    public byte[] copySeries() {
        return Arrays.copyOf(series, seriesLength);
    }
}
