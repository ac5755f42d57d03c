package sma.streaming.window;

import java.io.Serializable;
import java.util.List;

/**
 * What averages.yaml says: the averages, and when their rows are emitted and corrected.
 *
 * @param watermarkDelayMs how far the watermark of a partition trails its max time
 * @param allowedLatenessMs see {@link Lateness}
 * @param maxAheadMs how far ahead of its record's timestamp a time may be
 */
public record Averages(long watermarkDelayMs, long allowedLatenessMs, long maxAheadMs, List<Average> averages)
        implements Serializable {

    long longestDurationMs() {
        return averages.stream().mapToLong(Average::durationMs).max().orElse(0);
    }

    long largestEventCount() {
        return averages.stream().mapToLong(Average::eventCount).max().orElse(0);
    }
}
