package sma.streaming.window;

import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.IntStream;

/** The rows worked out a second way: every grid point tried against every event, in big whole numbers. */
public final class Oracle {
    /** A record; the log time is its time, or earlier where the clock that gave the time was ahead. */
    public record Sent(String series, long timeMs, long logTimeMs, long valueMicros) {
        public static final String HEARTBEAT = "";

        public Sent(String series, long timeMs, long valueMicros) {
            this(series, timeMs, timeMs, valueMicros);
        }

        public boolean isHeartbeat() {
            return series.equals(HEARTBEAT);
        }
    }

    public record Key(String series, String average, long asOfMs) {}

    public record Pair(BigInteger valueSum, long eventCount) {}

    private Oracle() {}

    /** Records of a few series in disorder, with ties, gaps, times on the grid, large values and heartbeats. */
    public static List<Sent> randomLog(Random random, int size) {
        List<Sent> log = new ArrayList<>();
        long now = random.nextInt(2_000) - 1_000;
        int disorder = 1 + random.nextInt(200);
        int seriesCount = 1 + random.nextInt(4);
        for (int index = 0; index < size; index++) {
            int step = random.nextInt(100);
            now += step < 90 ? random.nextInt(8) : step < 99 ? 50 : 5_000;
            long time = now - random.nextInt(disorder);
            time = random.nextInt(4) == 0 ? Math.floorDiv(time, 10) * 10 : time;
            if (random.nextInt(40) == 0) {
                log.add(new Sent(Sent.HEARTBEAT, time, 0));
            } else {
                long value = (random.nextBoolean() ? 1 : -1) * random.nextLong(1_000_000_000_000_000_000L);
                long aheadMs = random.nextInt(20) == 0 ? random.nextInt(400) : 0;
                log.add(new Sent("c" + random.nextInt(seriesCount) + "/m", time + aheadMs, time, value));
            }
        }
        return log;
    }

    /** Records of a list, whose place in it is their offset, as the operator takes them. */
    public static EventBlock block(int partition, List<Sent> log, int from, int until) {
        EventBlock block = new EventBlock();
        block.clear(partition, from);
        Map<String, Integer> known = new HashMap<>();
        for (int offset = from; offset < until; offset++) {
            Sent sent = log.get(offset);
            if (sent.isHeartbeat()) {
                block.addHeartbeat(sent.logTimeMs());
            } else {
                int index = known.computeIfAbsent(
                        sent.series(), name -> block.addSeries(name.getBytes(StandardCharsets.UTF_8)));
                block.addEvent(index, offset, sent.timeMs(), sent.logTimeMs(), sent.valueMicros());
            }
        }
        block.nextOffset = until;
        return block;
    }

    /** When Kafka took each record: never before its log time, nor before the record before it. */
    public static long[] appendedMs(List<Sent> log) {
        long[] appendedMs = new long[log.size()];
        long newest = Long.MIN_VALUE;
        for (int offset = 0; offset < appendedMs.length; offset++) {
            newest = Math.max(newest, log.get(offset).logTimeMs());
            appendedMs[offset] = newest;
        }
        return appendedMs;
    }

    /** The rows whose windows are known, of a log whose records before these are gone; Kafka took the first one then. */
    public static Map<Key, Pair> knownRows(Averages config, List<Sent> log, long appendedMs) {
        long first20 = Long.MIN_VALUE;
        for (int place = 0; place < Math.min(20, log.size()); place++) {
            first20 = Math.max(first20, log.get(place).logTimeMs());
            if (log.get(place).isHeartbeat()) {
                break;
            }
        }
        Map<String, Long> knownFrom = new HashMap<>();
        for (Sent sent : log) {
            long inOrder = Math.max(first20, sent.logTimeMs()) + config.allowedLatenessMs();
            knownFrom.putIfAbsent(sent.series(), Math.min(appendedMs, inOrder) + config.maxAheadMs() + 1);
        }
        Map<Key, Pair> whole = rows(config, log);
        Set<Long> late = late(config, log);
        whole.keySet().removeIf(key -> {
            Average average = config.averages().stream()
                    .filter(each -> each.name().equals(key.average()))
                    .findFirst()
                    .orElseThrow();
            long from = knownFrom.get(key.series());
            if (average.eventCount() == 0) {
                return key.asOfMs() - average.durationMs() < from;
            }
            long known = IntStream.range(0, log.size())
                    .filter(offset -> log.get(offset).series().equals(key.series()) && !late.contains((long) offset))
                    .mapToLong(offset -> log.get(offset).timeMs())
                    .filter(time -> time >= from && time < key.asOfMs())
                    .count();
            return known < average.eventCount();
        });
        return whole;
    }

    /** The offsets of the late ones among records whose place in the list is their offset. */
    public static Set<Long> late(Averages config, List<Sent> log) {
        Set<Long> late = new HashSet<>();
        Map<String, Long> newest = new HashMap<>();
        for (int offset = 0; offset < log.size(); offset++) {
            Sent sent = log.get(offset);
            if (sent.isHeartbeat()) {
                continue;
            }
            Long before = newest.get(sent.series());
            if (before != null && sent.timeMs() < before - config.allowedLatenessMs()) {
                late.add((long) offset);
            }
            newest.merge(sent.series(), sent.logTimeMs(), Math::max);
        }
        return late;
    }

    /** The rows that must have been emitted once the whole log has been read. */
    public static Map<Key, Pair> rows(Averages config, List<Sent> log) {
        long newest = log.stream().mapToLong(Sent::logTimeMs).max().orElseThrow();
        long closed = newest - config.watermarkDelayMs() + 1;
        Set<Long> late = late(config, log);
        Map<String, List<Sent>> bySeries = new HashMap<>();
        for (int offset = 0; offset < log.size(); offset++) {
            Sent sent = log.get(offset);
            if (!sent.isHeartbeat() && !late.contains((long) offset)) {
                bySeries.computeIfAbsent(sent.series(), name -> new ArrayList<>()).add(sent);
            }
        }
        Map<Key, Pair> rows = new HashMap<>();
        bySeries.forEach((name, events) -> {
            events.sort(Comparator.comparingLong(Sent::timeMs)); // stable: ties stay in the order of the log
            for (Average average : config.averages()) {
                for (long asOf : candidates(average, events)) {
                    List<Sent> inside = inside(average, events, asOf);
                    if (asOf <= closed && !inside.isEmpty()) {
                        BigInteger sum = inside.stream()
                                .map(event -> BigInteger.valueOf(event.valueMicros()))
                                .reduce(BigInteger.ZERO, BigInteger::add);
                        rows.put(new Key(name, average.name(), asOf), new Pair(sum, inside.size()));
                    }
                }
            }
        });
        return rows;
    }

    /** By row, the largest offset of the events before its {@code as_of} that are not late. */
    public static Map<Key, Long> versions(Averages config, List<Sent> log, Set<Key> rows) {
        Set<Long> late = late(config, log);
        Map<String, TreeMap<Long, Long>> newestUpTo = new HashMap<>();
        for (int offset = 0; offset < log.size(); offset++) {
            Sent sent = log.get(offset);
            if (!sent.isHeartbeat() && !late.contains((long) offset)) {
                newestUpTo.computeIfAbsent(sent.series(), name -> new TreeMap<>()).merge(sent.timeMs(), (long) offset, Math::max);
            }
        }
        newestUpTo.values().forEach(series -> {
            long newest = -1;
            for (Map.Entry<Long, Long> entry : series.entrySet()) {
                newest = Math.max(newest, entry.getValue());
                entry.setValue(newest);
            }
        });
        Map<Key, Long> versions = new HashMap<>();
        rows.forEach(key -> versions.put(key, newestUpTo.get(key.series()).lowerEntry(key.asOfMs()).getValue()));
        return versions;
    }

    /** The keys whose rows are not the same in both, a few of them: a whole table would fill the screen. */
    public static List<Key> differing(Map<Key, Pair> expected, Map<Key, Pair> actual) {
        Set<Key> keys = new HashSet<>(expected.keySet());
        keys.addAll(actual.keySet());
        return keys.stream()
                .filter(key -> !Objects.equals(expected.get(key), actual.get(key)))
                .limit(5)
                .toList();
    }

    private static Set<Long> candidates(Average average, List<Sent> events) {
        Set<Long> points = new TreeSet<>();
        for (Sent event : events) {
            long point = average.offsetMs()
                    + Math.floorDiv(event.timeMs() - average.offsetMs(), average.everyMs()) * average.everyMs();
            for (long span = 0; span <= Math.max(average.durationMs(), average.everyMs()); span += average.everyMs()) {
                points.add(point + span);
            }
        }
        return points;
    }

    private static List<Sent> inside(Average average, List<Sent> sorted, long asOf) {
        List<Sent> before = sorted.stream().filter(event -> event.timeMs() < asOf).toList();
        if (average.eventCount() == 0) {
            return before.stream().filter(event -> event.timeMs() >= asOf - average.durationMs()).toList();
        }
        boolean exists = before.stream().anyMatch(event -> event.timeMs() >= asOf - average.everyMs());
        return exists ? before.subList((int) Math.max(0, before.size() - average.eventCount()), before.size()) : List.of();
    }
}
