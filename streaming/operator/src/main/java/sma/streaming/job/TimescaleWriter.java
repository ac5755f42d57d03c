package sma.streaming.job;

import java.io.IOException;
import java.sql.SQLException;
import java.util.HashMap;
import java.util.Map;
import org.apache.flink.api.common.operators.ProcessingTimeService;
import org.apache.flink.api.connector.sink2.SinkWriter;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Gathers rows, of several firings of one row the last, and writes them when there are many, after a moment, and before
 * each checkpoint.
 *
 * <p>A database that does not answer is waited for, which holds the job back and loses nothing; after
 * {@link #TRIES} the task fails and is restored from the last checkpoint.
 */
final class TimescaleWriter implements SinkWriter<AverageRow> {
    private static final Logger LOG = LoggerFactory.getLogger(TimescaleWriter.class);
    private static final int MANY = 20_000;
    private static final long MOMENT_MS = 500;
    private static final int TRIES = 10;
    private static final long FIRST_PAUSE_MS = 250;
    private static final long LONGEST_PAUSE_MS = 10_000;

    private final AveragesTable table;
    private final ProcessingTimeService time;
    private final Map<Key, AverageRow> waiting = new HashMap<>();
    private boolean isTimerSet;

    private record Key(String customer, String metric, String average, long asOfMs) {}

    TimescaleWriter(AveragesTable table, ProcessingTimeService time) {
        this.table = table;
        this.time = time;
    }

    @Override
    public void write(AverageRow row, Context context) throws IOException, InterruptedException {
        waiting.put(new Key(row.customer, row.metric, row.average.name(), row.asOfMs), row.copy());
        if (waiting.size() >= MANY) {
            flush(false);
        } else if (!isTimerSet) {
            isTimerSet = true;
            time.registerTimer(time.getCurrentProcessingTime() + MOMENT_MS, now -> {
                isTimerSet = false;
                flush(false);
            });
        }
    }

    @Override
    public void flush(boolean endOfInput) throws IOException, InterruptedException {
        if (waiting.isEmpty()) {
            return;
        }
        long pauseMs = FIRST_PAUSE_MS;
        for (int tried = 1; ; tried++) {
            try {
                table.upsert(waiting.values());
                waiting.clear();
                return;
            } catch (SQLException failure) {
                table.close();
                if (tried == TRIES) {
                    throw new IOException("rows cannot be written to the database: " + failure.getMessage(), failure);
                }
                LOG.warn("writing rows failed, try {} of {}: {}", tried, TRIES, failure.getMessage());
            }
            Thread.sleep(pauseMs);
            pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
        }
    }

    @Override
    public void close() {
        table.close();
    }
}
