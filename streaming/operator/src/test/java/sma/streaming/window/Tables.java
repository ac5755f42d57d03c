package sma.streaming.window;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.math.BigInteger;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import sma.streaming.window.Oracle.Key;
import sma.streaming.window.Oracle.Pair;

/** What is left of all that was emitted: the table, as the database keeps it, and the set of late events. */
final class Tables implements Emitter {
    final Map<Key, Pair> rows = new HashMap<>();
    final Set<Long> late = new HashSet<>();
    final Map<Key, Long> versions = new HashMap<>();
    final Map<String, Pair> contents = new HashMap<>();
    long emitted;

    /** The rows of some averages. */
    Map<Key, Pair> rowsOf(Set<Average> averages) {
        Set<String> names = averages.stream().map(Average::name).collect(Collectors.toSet());
        return rows.entrySet().stream()
                .filter(row -> names.contains(row.getKey().average()))
                .collect(Collectors.toMap(Map.Entry::getKey, Map.Entry::getValue));
    }

    @Override
    public void row(Series series, Average average, long asOfMs, long high, long low, long eventCount, long newestOffset) {
        BigInteger sum = BigInteger.valueOf(high).shiftLeft(64).add(new BigInteger(Long.toUnsignedString(low)));
        Key key = new Key(series.customer + "/" + series.metric, average.name(), asOfMs);
        Pair pair = new Pair(sum, eventCount);
        emitted++;
        long version = versions.merge(key, newestOffset, Math::max);
        if (version == newestOffset) {
            rows.put(key, pair);
        }
        assertEquals(pair, contents.computeIfAbsent(key + "@" + newestOffset, unseen -> pair));
    }

    @Override
    public void late(Series series, long kafkaOffset, long eventTimeMs, long valueMicros, long maxLogTimeMs) {
        late.add(kafkaOffset);
    }
}
