package sma.streaming.job;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.LocalDate;
import java.util.Collection;
import java.util.Properties;
import org.postgresql.Driver;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyIn;

/**
 * The table {@code sma.streaming_averages} of one database, connected when it is needed.
 *
 * <p>Rows are copied to a temporary table and upserted from there in one transaction: several times as fast as INSERT
 * statements. A row that is right already is left alone. A row's version is its generation, and within that its offset: a
 * row is never replaced by one of an older version, not by a job that restored from an older checkpoint, and not by a
 * replay next to the running job. Rows are upserted in the order of their key, so that two jobs that write the same rows
 * cannot deadlock.
 */
final class AveragesTable {
    private static final String CREATE_EMITTED =
            """
            CREATE TEMPORARY TABLE IF NOT EXISTS emitted (
                customer text NOT NULL,
                metric text NOT NULL,
                average text NOT NULL,
                as_of timestamptz NOT NULL,
                value_sum numeric(38, 6) NOT NULL,
                event_count bigint NOT NULL,
                newest_offset bigint NOT NULL
            ) ON COMMIT DELETE ROWS
            """;
    private static final String COPY_EMITTED = "COPY pg_temp.emitted FROM STDIN";
    private static final String UPSERT =
            """
            INSERT INTO sma.streaming_averages AS stored
                (customer, metric, average, as_of, value_sum, event_count, newest_offset, generation)
            SELECT
                customer,
                metric,
                average,
                as_of,
                value_sum,
                event_count,
                newest_offset,
                ?
            FROM pg_temp.emitted
            ORDER BY
                customer,
                metric,
                average,
                as_of
            ON CONFLICT (customer, metric, average, as_of) DO UPDATE
            SET value_sum = excluded.value_sum,
                event_count = excluded.event_count,
                newest_offset = excluded.newest_offset,
                generation = excluded.generation,
                written_at = excluded.written_at
            WHERE (stored.value_sum, stored.event_count, stored.newest_offset, stored.generation)
                IS DISTINCT FROM (excluded.value_sum, excluded.event_count, excluded.newest_offset, excluded.generation)
                AND (stored.generation, coalesce(stored.newest_offset, -1))
                    <= (excluded.generation, excluded.newest_offset)
            """;
    private static final Driver DRIVER = unregisteredDriver();
    private static final int CHUNK_BYTES = 1 << 16;
    private static final int DAY_MS = 86_400_000;

    private final JobPlan.Database database;
    private final long generation;
    private Connection connection;
    private long dayKnown = Long.MIN_VALUE;
    private String dayText;

    AveragesTable(JobPlan.Database database, long generation) {
        this.database = database;
        this.generation = generation;
    }

    /** Writes all rows, each with a key of its own, or none. */
    void upsert(Collection<AverageRow> rows) throws SQLException {
        connect();
        CopyIn copy = connection.unwrap(PGConnection.class).getCopyAPI().copyIn(COPY_EMITTED);
        try {
            StringBuilder lines = new StringBuilder(CHUNK_BYTES + 1_024);
            for (AverageRow row : rows) {
                appendLine(lines, row);
                if (lines.length() >= CHUNK_BYTES) {
                    send(copy, lines);
                }
            }
            send(copy, lines);
            copy.endCopy();
        } finally {
            if (copy.isActive()) {
                copy.cancelCopy();
            }
        }
        try (PreparedStatement statement = connection.prepareStatement(UPSERT)) {
            statement.setLong(1, generation);
            statement.executeUpdate();
        }
        connection.commit();
    }

    private static void send(CopyIn copy, StringBuilder lines) throws SQLException {
        byte[] bytes = lines.toString().getBytes(StandardCharsets.UTF_8);
        copy.writeToCopy(bytes, 0, bytes.length);
        lines.setLength(0);
    }

    /** A line of PostgreSQL's text format; names hold no control characters, so only the backslash needs care. */
    private void appendLine(StringBuilder lines, AverageRow row) {
        appendName(lines, row.customer).append('\t');
        appendName(lines, row.metric).append('\t');
        lines.append(row.average.name()).append('\t');
        appendTime(lines, row.asOfMs).append('\t');
        lines.append(row.valueSum()).append('\t').append(row.eventCount);
        lines.append('\t').append(row.newestOffset).append('\n');
    }

    private static StringBuilder appendName(StringBuilder lines, String name) {
        return lines.append(name.indexOf('\\') < 0 ? name : name.replace("\\", "\\\\"));
    }

    private StringBuilder appendTime(StringBuilder lines, long timeMs) {
        long day = Math.floorDiv(timeMs, DAY_MS);
        if (day != dayKnown) {
            dayKnown = day;
            dayText = LocalDate.ofEpochDay(day).toString();
        }
        int inDay = (int) Math.floorMod(timeMs, (long) DAY_MS);
        lines.append(dayText).append(' ');
        appendTwoDigits(lines, inDay / 3_600_000).append(':');
        appendTwoDigits(lines, inDay / 60_000 % 60).append(':');
        appendTwoDigits(lines, inDay / 1_000 % 60).append('.');
        int millis = inDay % 1_000;
        return appendTwoDigits(lines.append((char) ('0' + millis / 100)), millis % 100).append("+00");
    }

    private static StringBuilder appendTwoDigits(StringBuilder lines, int number) {
        return lines.append((char) ('0' + number / 10)).append((char) ('0' + number % 10));
    }

    /** The driver registers itself with DriverManager, which would keep it, and with it all classes of the job, for ever. */
    private static Driver unregisteredDriver() {
        try {
            if (Driver.isRegistered()) {
                Driver.deregister();
            }
        } catch (SQLException refused) {
            throw new ExceptionInInitializerError(refused);
        }
        return new Driver();
    }

    private void connect() throws SQLException {
        if (connection != null) {
            return;
        }
        Properties properties = new Properties();
        if (database.user() != null) {
            properties.setProperty("user", database.user());
        }
        if (database.password() != null) {
            properties.setProperty("password", database.password());
        }
        connection = DRIVER.connect(database.url(), properties);
        if (connection == null) {
            throw new SQLException("not a PostgreSQL URL: " + database.url());
        }
        try (Statement statement = connection.createStatement()) {
            statement.execute(CREATE_EMITTED);
        }
        connection.setAutoCommit(false);
    }

    void close() {
        if (connection != null) {
            try {
                connection.close();
            } catch (SQLException alreadyGone) {
                // The server ends the transaction of a connection that is gone.
            } finally {
                connection = null;
            }
        }
    }
}
