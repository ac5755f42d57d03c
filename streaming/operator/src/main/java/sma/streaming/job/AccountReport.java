package sma.streaming.job;

import org.apache.flink.metrics.MetricGroup;
import sma.streaming.window.Account;
import sma.streaming.window.PartitionAverages;

/**
 * What became of a partition's records, as metrics: each count as a number, and all of one moment as one text.
 *
 * <p>The text, metric {@code account}, is the numbers of {@link #NAMES} in order, with a blank between them.
 */
final class AccountReport {
    static final String[] NAMES = {
        "firstOffset", "nextOffset", "eventsUsed", "lateEvents", "rejectedEvents", "heartbeats", "skippedOffsets",
        "residue", "watermark"
    };

    private volatile long[] values = new long[NAMES.length];

    AccountReport(MetricGroup operator, int partition) {
        MetricGroup group = operator.addGroup("partition", Integer.toString(partition));
        for (int index = 0; index < NAMES.length; index++) {
            int place = index;
            group.gauge(NAMES[index], () -> values[place]);
        }
        group.gauge("account", this::text);
    }

    void update(PartitionAverages averages) {
        Account account = averages.account();
        values = new long[] {
            account.firstOffset, account.nextOffset, account.used, account.late, account.rejected, account.heartbeats,
            account.skipped, account.residue(), averages.watermarkMs()
        };
    }

    private String text() {
        StringBuilder text = new StringBuilder();
        for (long value : values) {
            text.append(text.isEmpty() ? "" : " ").append(value);
        }
        return text.toString();
    }
}
