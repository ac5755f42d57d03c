package sma.streaming.window;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.RepetitionInfo;
import org.junit.jupiter.api.Test;
import sma.streaming.window.Oracle.Key;
import sma.streaming.window.Oracle.Pair;
import sma.streaming.window.Oracle.Sent;

class PartitionAveragesTest {
    private static final long MAX_AHEAD_MS = 60;
    private static final long MOST_AHEAD_MS = 400; // in random logs
    private static final List<Average> AVERAGES = List.of(
            new Average("last_1", 1, 0, 10, 0),
            new Average("last_3", 3, 0, 10, 0),
            new Average("last_200", 200, 0, 70, 30),
            new Average("tumbling", 0, 10, 10, 0),
            new Average("hopping", 0, 50, 10, 0),
            new Average("shifted", 0, 60, 20, 7),
            new Average("long", 0, 3_000, 100, 0));

    private static EventBlock block(List<Sent> log, int from, int until) {
        return Oracle.block(3, log, from, until);
    }

    /** One partition that is read, saved, killed and started with other rules, in any order. */
    private static final class Run {
        final Random random;
        final List<Sent> log;
        final Tables tables = new Tables();
        final Set<Average> always = new HashSet<>(AVERAGES);
        final long allowedLatenessMs;
        Averages rules;
        MemoryStore store = new MemoryStore();
        PartitionAverages averages;
        int next;
        MemoryStore saved = store.copy();
        int savedNext;

        Run(Random random) {
            this.random = random;
            log = Oracle.randomLog(random, 1 + random.nextInt(1_500));
            allowedLatenessMs = random.nextInt(300);
            rules = new Averages(random.nextInt(120), allowedLatenessMs, MAX_AHEAD_MS, AVERAGES);
            averages = new PartitionAverages(rules, store, tables, true);
        }

        void read(int records) {
            int until = Math.min(log.size(), next + records);
            averages.process(block(log, next, until));
            next = until;
        }

        void save() {
            averages.save();
            saved = store.copy();
            savedNext = next;
        }

        /** Everything since it was saved last happens again. */
        void restore() {
            store = saved.copy();
            averages = new PartitionAverages(rules, store, tables, true);
            next = savedNext;
        }

        void changeRules() {
            List<Average> kept = AVERAGES.stream().filter(average -> random.nextInt(4) > 0).toList();
            always.retainAll(kept);
            rules = new Averages(random.nextInt(120), allowedLatenessMs, MAX_AHEAD_MS, kept);
        }

        void step(int largest) {
            switch (random.nextInt(6)) {
                case 0, 1, 2 -> read(1 + random.nextInt(largest));
                case 3, 4 -> save();
                default -> restore();
            }
        }
    }

    @RepeatedTest(100)
    void everyLogGivesTheOraclesTableAndLateEventsHoweverItIsCutAndRestored(RepetitionInfo repetition) {
        Run run = new Run(new Random(repetition.getCurrentRepetition()));
        int largest = 1 + run.random.nextInt(300);
        for (int steps = 0; run.next < run.log.size(); steps++) {
            if (steps < 300) {
                run.step(largest);
            } else {
                run.read(largest);
            }
        }

        assertEquals(Oracle.late(run.rules, run.log), run.tables.late);
        assertEquals(List.of(), Oracle.differing(Oracle.rows(run.rules, run.log), run.tables.rows));
        Account account = run.averages.account();
        assertEquals(0, account.residue());
        assertEquals(run.tables.late.size(), account.late);
        assertEquals(run.log.stream().filter(Sent::isHeartbeat).count(), account.heartbeats);
    }

    @RepeatedTest(120)
    void anySequenceOfBlocksSnapshotsRestoresAndOtherRulesLeavesTheOraclesTable(RepetitionInfo repetition) {
        Run run = new Run(new Random(-repetition.getCurrentRepetition()));
        long newest = run.log.stream().mapToLong(Sent::timeMs).max().orElseThrow();
        run.log.add(new Sent(Sent.HEARTBEAT, newest + 10_000, 0)); // however long the delay was last, all windows close
        int largest = 1 + run.random.nextInt(300);
        for (int steps = 0; run.next < run.log.size(); steps++) {
            if (steps >= 300) {
                run.read(largest);
            } else if (run.random.nextInt(6) == 0) {
                run.changeRules();
                run.restore();
            } else {
                run.step(largest);
            }
        }

        Averages all = new Averages(0, run.allowedLatenessMs, MAX_AHEAD_MS, AVERAGES);
        Averages kept = new Averages(0, run.allowedLatenessMs, MAX_AHEAD_MS, List.copyOf(run.always));
        assertEquals(Oracle.late(all, run.log), run.tables.late);
        assertEquals(List.of(), Oracle.differing(Oracle.rows(kept, run.log), run.tables.rowsOf(run.always)));
        // an average that was away for a time has rows that are right, or was not there to correct them
        Map<Key, Pair> expected = Oracle.rows(all, run.log);
        Map<Key, Long> versions = Oracle.versions(all, run.log, expected.keySet());
        run.tables.versions.forEach((key, version) -> {
            if (version.equals(versions.get(key))) {
                assertEquals(expected.get(key), run.tables.rows.get(key), key::toString);
            }
        });
        assertEquals(0, run.averages.account().residue());
    }

    @RepeatedTest(150)
    void aLogWithoutItsBeginningGivesTheRowsOfWindowsThatAreKnown(RepetitionInfo repetition) {
        Random random = new Random(repetition.getCurrentRepetition());
        List<Sent> whole = Oracle.randomLog(random, 200 + random.nextInt(1_500));
        int origin = 1 + random.nextInt(whole.size() - 1);
        List<Sent> log = whole.subList(origin, whole.size());
        boolean isOfProducers = random.nextInt(3) == 0;
        long appendedMs = isOfProducers ? Long.MAX_VALUE : Oracle.appendedMs(whole)[origin];
        Averages config = new Averages(random.nextInt(120), random.nextInt(300), MOST_AHEAD_MS, AVERAGES);
        MemoryStore store = new MemoryStore();
        Tables tables = new Tables();
        PartitionAverages averages = new PartitionAverages(config, store, tables, false);
        for (int next = 0; next < log.size(); ) {
            int until = Math.min(log.size(), next + 1 + random.nextInt(random.nextBoolean() ? 3 : 400));
            EventBlock block = block(log, next, until);
            block.appendedMs = next == 0 ? appendedMs : Long.MIN_VALUE; // what counts is when the first one was taken
            averages.process(block);
            next = until;
            if (random.nextInt(5) == 0) {
                averages.save();
                averages = new PartitionAverages(config, store, tables, true); // it has kept that it is not
            }
        }

        assertEquals(List.of(), Oracle.differing(Oracle.knownRows(config, log, appendedMs), tables.rows));
        if (!isOfProducers) {
            Map<Key, Pair> ofWhole = Oracle.rows(config, whole);
            tables.rows.forEach((key, pair) -> assertEquals(ofWhole.get(key), pair, key::toString));
        }
    }

    @Test
    void stateOfAVersionWithoutOriginsGoesOn() {
        List<Sent> log = Oracle.randomLog(new Random(7), 1_000);
        Averages config = new Averages(20, 100, MAX_AHEAD_MS, AVERAGES);
        MemoryStore store = new MemoryStore();
        Tables tables = new Tables();
        PartitionAverages before = new PartitionAverages(config, store, tables, true);
        before.process(block(log, 0, 500));
        before.save();
        store.asOfFormat2();
        new PartitionAverages(config, store, tables, false).process(block(log, 500, 1_000));
        assertEquals(List.of(), Oracle.differing(Oracle.rows(config, log), tables.rows));
    }

    @Test
    void aShorterDelayEmitsWhatHasClosedWhereItIsRestored() {
        List<Sent> log = List.of(new Sent("c/m", 0, 1), new Sent("d/m", 15, 2), new Sent(Sent.HEARTBEAT, 40, 0));
        MemoryStore store = new MemoryStore();
        PartitionAverages before = new PartitionAverages(new Averages(100, 10, MAX_AHEAD_MS, AVERAGES), store, new Tables(), true);
        before.process(block(log, 0, 3));
        before.save();

        Averages shorter = new Averages(5, 10, MAX_AHEAD_MS, AVERAGES);
        Tables tables = new Tables();
        PartitionAverages restored = new PartitionAverages(shorter, store, tables, true);
        assertEquals(Oracle.rows(shorter, log), tables.rows);
        restored.save();
        Tables again = new Tables();
        new PartitionAverages(shorter, store, again, true);
        assertEquals(Map.of(), again.rows);
    }

    @Test
    void manyWindowsOfManySizesShareOneBufferThatStaysBounded() {
        Averages config = new Averages(20, 100, MAX_AHEAD_MS, List.of(new Average("count", 500, 0, 10, 0), new Average("span", 0, 1_000, 10, 0)));
        MemoryStore store = new MemoryStore();
        PartitionAverages averages = new PartitionAverages(config, store, new Tables(), true);
        List<Sent> log = new ArrayList<>();
        for (int index = 0; index < 50_000; index++) {
            log.add(new Sent("c/m", index, 1));
        }
        for (int from = 0; from < log.size(); from += 100) {
            averages.process(block(log, from, from + 100));
            averages.save();
            // 1,000 + 100 ms of events and those of a block, in whole chunks
            assertTrue(store.chunkCount() <= 1_300 / EventBuffer.CHUNK_EVENTS + 2, () -> "chunks " + store.chunkCount());
        }
    }

    @Test
    void anAverageAddedLaterIsEmittedOnceItsWindowIsWhole() {
        List<Sent> log = new ArrayList<>();
        for (int index = 0; index < 3_000; index++) {
            log.add(new Sent("c/m", index, 1));
        }
        MemoryStore store = new MemoryStore();
        PartitionAverages before = new PartitionAverages(new Averages(0, 10, MAX_AHEAD_MS, List.of(new Average("a", 0, 10, 10, 0))), store, new Tables(), true);
        before.process(block(log, 0, 1_500));
        before.save();
        Tables tables = new Tables();
        Averages config = new Averages(0, 10, MAX_AHEAD_MS, List.of(new Average("b", 0, 600, 10, 0), new Average("n", 700, 0, 10, 0)));
        PartitionAverages after = new PartitionAverages(config, store, tables, true);
        after.process(block(log, 1_500, 3_000));

        Map<Key, Pair> all = Oracle.rows(config, log);
        assertTrue(tables.rows.size() > 100);
        tables.rows.forEach((key, pair) -> assertEquals(all.get(key), pair, key::toString));
        assertTrue(all.keySet().stream().filter(key -> key.asOfMs() > 2_200).allMatch(tables.rows::containsKey));
    }

    @Test
    void aRecordThatComesAgainIsRefused() {
        PartitionAverages averages = new PartitionAverages(new Averages(0, 0, MAX_AHEAD_MS, AVERAGES), new MemoryStore(), new Tables(), true);
        List<Sent> log = List.of(new Sent("c/m", 0, 1), new Sent("c/m", 1, 1));
        averages.process(block(log, 0, 2));
        assertThrows(IllegalStateException.class, () -> averages.process(block(log, 1, 2)));
    }

    @Test
    void anEventInOrderFiresOnceAndAnEventOutOfOrderFiresAgainOnlyWhatItChanges() {
        Averages config = new Averages(0, 1_000, MAX_AHEAD_MS, List.of(new Average("hopping", 0, 20, 10, 0), new Average("last_2", 2, 0, 10, 0)));
        Tables tables = new Tables();
        PartitionAverages averages = new PartitionAverages(config, new MemoryStore(), tables, true);
        List<Sent> log = new ArrayList<>();
        for (int index = 0; index <= 100; index++) {
            log.add(new Sent("c/m", index * 10L, 1));
        }
        log.add(new Sent("c/m", 505, 1));
        averages.process(block(log, 0, 101));
        assertEquals(2 * 100, tables.emitted);
        //  505 lies in [490 .. 510) and [500 .. 520), and is among the last two events at 510 and at 520
        averages.process(block(log, 101, 102));
        assertEquals(2 * 100 + 4, tables.emitted);
        assertEquals(List.of(), Oracle.differing(Oracle.rows(config, log), tables.rows));
    }
}
