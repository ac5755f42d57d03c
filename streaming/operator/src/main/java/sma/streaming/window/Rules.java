package sma.streaming.window;

import java.io.Serializable;
import java.util.List;

/**
 * What averages.yaml says about windows and lateness.
 *
 * @param watermarkDelayMs how far the watermark trails the newest time of its partition
 * @param allowedLatenessMs how far behind its series' newest event an event may be and still correct rows
 */
public record Rules(long watermarkDelayMs, long allowedLatenessMs, List<Window> windows) implements Serializable {

    long longestDurationMs() {
        return windows.stream().mapToLong(Window::durationMs).max().orElse(0);
    }

    long largestEventCount() {
        return windows.stream().mapToLong(Window::eventCount).max().orElse(0);
    }
}
