package sma.streaming.window;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
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
    private static final List<Average> AVERAGES = List.of(
            new Average("last_1", 1, 0, 10),
            new Average("last_3", 3, 0, 10),
            new Average("last_200", 200, 0, 70),
            new Average("tumbling", 0, 10, 10),
            new Average("hopping", 0, 50, 10),
            new Average("long", 0, 3_000, 100));

    private static EventBlock block(List<Sent> log, int from, int until) {
        return Oracle.block(3, log, from, until);
    }

    @RepeatedTest(100)
    void everyLogGivesTheOraclesTableAndLateEventsHoweverItIsCutAndRestored(RepetitionInfo repetition) {
        Random random = new Random(repetition.getCurrentRepetition());
        Averages config = new Averages(random.nextInt(120), random.nextInt(300), AVERAGES);
        List<Sent> log = Oracle.randomLog(random, 1 + random.nextInt(1_500));

        Tables tables = new Tables();
        MemoryStore store = new MemoryStore();
        PartitionAverages averages = new PartitionAverages(config, store, tables);
        MemoryStore saved = store.copy();
        int savedAt = 0;
        int largest = 1 + random.nextInt(300);
        for (int from = 0; from < log.size(); ) {
            int until = Math.min(log.size(), from + 1 + random.nextInt(largest));
            averages.process(block(log, from, until));
            from = until;
            int fate = random.nextInt(10);
            if (fate < 3) {
                averages.save();
                saved = store.copy();
                savedAt = from;
            } else if (fate == 3) { // killed: everything since the last checkpoint happens again
                store = saved.copy();
                averages = new PartitionAverages(config, store, tables);
                from = savedAt;
                savedAt = from;
                largest = 1 + random.nextInt(300);
            }
        }

        assertEquals(Oracle.late(config, log), tables.late);
        assertEquals(List.of(), Oracle.differing(Oracle.rows(config, log), tables.rows));
        Account account = averages.account();
        assertEquals(0, account.residue());
        assertEquals(tables.late.size(), account.late);
        assertEquals(log.stream().filter(Sent::isHeartbeat).count(), account.heartbeats);
    }

    @Test
    void manyWindowsOfManySizesShareOneBufferThatStaysBounded() {
        Averages config = new Averages(20, 100, List.of(new Average("count", 500, 0, 10), new Average("span", 0, 1_000, 10)));
        MemoryStore store = new MemoryStore();
        PartitionAverages averages = new PartitionAverages(config, store, new Tables());
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
        PartitionAverages before = new PartitionAverages(new Averages(0, 10, List.of(new Average("a", 0, 10, 10))), store, new Tables());
        before.process(block(log, 0, 1_500));
        before.save();
        Tables tables = new Tables();
        Averages config = new Averages(0, 10, List.of(new Average("b", 0, 600, 10), new Average("n", 700, 0, 10)));
        PartitionAverages after = new PartitionAverages(config, store, tables);
        after.process(block(log, 1_500, 3_000));

        Map<Key, Pair> all = Oracle.rows(config, log);
        assertTrue(tables.rows.size() > 100);
        tables.rows.forEach((key, pair) -> assertEquals(all.get(key), pair, key::toString));
        assertTrue(all.keySet().stream().filter(key -> key.asOfMs() > 2_200).allMatch(tables.rows::containsKey));
    }

    @Test
    void aRecordThatComesAgainIsRefused() {
        PartitionAverages averages = new PartitionAverages(new Averages(0, 0, AVERAGES), new MemoryStore(), new Tables());
        List<Sent> log = List.of(new Sent("c/m", 0, 1), new Sent("c/m", 1, 1));
        averages.process(block(log, 0, 2));
        assertThrows(IllegalStateException.class, () -> averages.process(block(log, 1, 2)));
    }

    @Test
    void anEventInOrderFiresOnceAndAnEventOutOfOrderFiresAgainOnlyWhatItChanges() {
        Averages config = new Averages(0, 1_000, List.of(new Average("hopping", 0, 20, 10), new Average("last_2", 2, 0, 10)));
        Tables tables = new Tables();
        PartitionAverages averages = new PartitionAverages(config, new MemoryStore(), tables);
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
