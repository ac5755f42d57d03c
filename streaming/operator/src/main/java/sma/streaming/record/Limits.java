package sma.streaming.record;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Properties;

/** The limits of an event, from {@code sma/limits.properties}, which Python reads too; the jar has a copy of the file. */
public final class Limits {
    private static final Properties FILE = read();

    /** Of a record's value, and of its key. */
    public static final int MAX_RECORD_BYTES = (int) limit("max_record_bytes");

    public static final int MAX_NAME_CHARACTERS = (int) limit("max_name_characters");

    /** Decimals of a value. A value is kept as a whole number of micro-units, 10^-6 each. */
    public static final int VALUE_SCALE = (int) limit("value_scale");

    public static final int VALUE_INTEGER_DIGITS = (int) limit("value_integer_digits");
    public static final long EARLIEST_EVENT_TIME_MS = limit("earliest_event_time_ms");

    /** Exclusive. */
    public static final long LATEST_EVENT_TIME_MS = limit("latest_event_time_ms");

    public static final int MAX_TIME_DIGITS = (int) limit("max_time_digits");
    public static final int MAX_NESTING = (int) limit("max_nesting");

    /** How many events at the origin of a partition tell from which time on all are known. */
    public static final int ORIGIN_EVENTS = (int) limit("origin_events");

    private Limits() {}

    private static Properties read() {
        Properties file = new Properties();
        try (InputStream stream = Limits.class.getResourceAsStream("/sma/limits.properties")) {
            file.load(stream);
        } catch (IOException error) {
            throw new UncheckedIOException("sma/limits.properties", error);
        }
        return file;
    }

    private static long limit(String name) {
        return Long.parseLong(FILE.getProperty(name));
    }
}
