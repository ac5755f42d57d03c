package sma.streaming.window;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.math.BigInteger;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.RepetitionInfo;
import sma.streaming.window.Oracle.Pair;

class CoarserAverageTest {
    private static final int FINER_MS = 10;

    @RepeatedTest(100)
    void itsRowsAreThoseOfTheEventsThemselves(RepetitionInfo repetition) {
        Random random = new Random(repetition.getCurrentRepetition());
        long everyMs = FINER_MS * (1 + random.nextInt(4));
        long durationMs = everyMs * (1 + random.nextInt(7));
        long offsetMs = random.nextLong(everyMs);
        long startMs = random.nextInt(600) - 700;
        long endMs = startMs + random.nextInt(1_500);
        Map<Long, Pair> derived = new TreeMap<>();
        CoarserAverage average = new CoarserAverage(
                new Average("week", 0, durationMs, everyMs, offsetMs),
                startMs,
                endMs,
                (asOfMs, sum, eventCount) -> assertEquals(null, derived.put(asOfMs, new Pair(sum, eventCount))));
        for (int series = 0; series < 2; series++) {
            TreeMap<Long, BigInteger> values = new TreeMap<>();
            for (int event = random.nextInt(60); event > 0; event--) {
                values.put(random.nextLong(2_000) - 1_000, new BigInteger(100, random).subtract(BigInteger.ONE.shiftLeft(99)));
            }
            derived.clear();
            long firstMs = offsetMs - everyMs * (1_000 / everyMs + 2); // before any value
            for (long asOf = firstMs; asOf <= Math.min(1_000 + everyMs, endMs); asOf += FINER_MS) {
                Pair part = pair(values, asOf - FINER_MS, asOf);
                if (part.eventCount() > 0 && asOf > startMs) {
                    average.add(asOf, part.valueSum(), part.eventCount());
                }
            }
            average.finish();
            Map<Long, Pair> expected = new TreeMap<>();
            for (long asOf = firstMs; asOf <= endMs; asOf += everyMs) {
                Pair pair = pair(values, asOf - durationMs, asOf);
                if (pair.eventCount() > 0 && asOf - durationMs >= startMs) {
                    expected.put(asOf, pair);
                }
            }
            assertEquals(expected, derived);
        }
    }

    private static Pair pair(TreeMap<Long, BigInteger> values, long fromMs, long untilMs) {
        Map<Long, BigInteger> inside = values.subMap(fromMs, untilMs);
        return new Pair(inside.values().stream().reduce(BigInteger.ZERO, BigInteger::add), inside.size());
    }
}
