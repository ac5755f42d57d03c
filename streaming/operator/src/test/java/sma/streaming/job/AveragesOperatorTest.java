package sma.streaming.job;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Random;
import java.util.Set;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.runtime.checkpoint.OperatorSubtaskState;
import org.apache.flink.runtime.state.KeyGroupRangeAssignment;
import org.apache.flink.runtime.state.StateBackend;
import org.apache.flink.runtime.state.hashmap.HashMapStateBackend;
import org.apache.flink.state.rocksdb.EmbeddedRocksDBStateBackend;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.streaming.util.AbstractStreamOperatorTestHarness;
import org.apache.flink.streaming.util.KeyedOneInputStreamOperatorTestHarness;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import sma.streaming.window.EventBlock;
import sma.streaming.window.Oracle;
import sma.streaming.window.Oracle.Key;
import sma.streaming.window.Oracle.Pair;
import sma.streaming.window.Oracle.Sent;
import sma.streaming.window.Averages;
import sma.streaming.window.Average;

/** The operator in Flink's harness, on Flink's own state backends, killed and rescaled again and again. */
class AveragesOperatorTest {
    private static final int PARTITIONS = 5;
    private static final int WITHOUT_BEGINNING = 3;
    private static final int[] PARALLELISMS = {2, 4, 1, 3, 128};
    private static final Averages RULES = new Averages(
            40,
            150,
            60,
            List.of(
                    new Average("last_3", 3, 0, 10, 0),
                    new Average("last_200", 200, 0, 70, 0),
                    new Average("tumbling", 0, 10, 10, 0),
                    new Average("long", 0, 3_000, 100, 0)));

    /** One run of the job: the tasks, the log of each partition, and how far each has been read. */
    private static final class Run {
        final StateBackend backend;
        final List<List<Sent>> logs = new ArrayList<>();
        final int[] next = new int[PARTITIONS];
        final Map<Key, Pair> rows = new HashMap<>();
        final Map<Key, Long> versions = new HashMap<>();
        final List<Set<Long>> late = new ArrayList<>();
        List<KeyedOneInputStreamOperatorTestHarness<Integer, EventBlock, AverageRow>> tasks = List.of();
        OperatorSubtaskState saved;
        int savedParallelism;
        int[] savedNext = new int[PARTITIONS];
        long checkpoint;

        Run(StateBackend backend, Random random) {
            this.backend = backend;
            for (int partition = 0; partition < PARTITIONS; partition++) {
                logs.add(apart(partition, Oracle.randomLog(random, 1 + random.nextInt(1_200))));
                late.add(new HashSet<>());
            }
        }

        /** A series lives in one partition. */
        private static List<Sent> apart(int partition, List<Sent> log) {
            return log.stream()
                    .map(sent -> sent.isHeartbeat()
                            ? sent
                            : new Sent("p" + partition + sent.series(), sent.timeMs(), sent.valueMicros()))
                    .toList();
        }

        void start(int parallelism) throws Exception {
            close();
            tasks = new ArrayList<>();
            for (int task = 0; task < parallelism; task++) {
                PartitionKey key = new PartitionKey();
                var harness = new KeyedOneInputStreamOperatorTestHarness<Integer, EventBlock, AverageRow>(
                        new AveragesOperator(RULES, Map.of(WITHOUT_BEGINNING, 7L), null, Map.of()),
                        key,
                        Types.INT,
                        PartitionKey.MAX_PARALLELISM,
                        parallelism,
                        task);
                harness.setStateBackend(backend);
                harness.setup(TypeInformation.of(AverageRow.class).createSerializer(harness.getExecutionConfig().getSerializerConfig()));
                if (saved != null) {
                    harness.initializeState(AbstractStreamOperatorTestHarness.repartitionOperatorState(
                            saved, PartitionKey.MAX_PARALLELISM, savedParallelism, parallelism, task));
                }
                harness.open();
                tasks.add(harness);
            }
            System.arraycopy(savedNext, 0, next, 0, PARTITIONS);
        }

        void process(int partition, int records) throws Exception {
            List<Sent> log = logs.get(partition);
            int until = Math.min(log.size(), next[partition] + records);
            EventBlock block = Oracle.block(partition, log, next[partition], until);
            next[partition] = until;
            int task = KeyGroupRangeAssignment.assignKeyToParallelOperator(
                    new PartitionKey().of(partition), PartitionKey.MAX_PARALLELISM, tasks.size());
            var harness = tasks.get(task);
            harness.processElement(new StreamRecord<>(block));
            take(harness);
        }

        private void take(KeyedOneInputStreamOperatorTestHarness<Integer, EventBlock, AverageRow> harness) {
            for (AverageRow row : harness.extractOutputValues()) {
                Key key = new Key(row.customer + "/" + row.metric, row.average.name(), row.asOfMs);
                if (versions.merge(key, row.newestOffset, Math::max) == row.newestOffset) {
                    rows.put(key, new Pair(new BigDecimal(row.valueSum()).unscaledValue(), row.eventCount));
                }
            }
            harness.getOutput().clear();
            Queue<StreamRecord<LateEvent>> found = harness.getSideOutput(AveragesOperator.LATE);
            if (found != null) {
                found.forEach(each -> late.get(each.getValue().partition()).add(each.getValue().kafkaOffset()));
                found.clear();
            }
        }

        void snapshot() throws Exception {
            checkpoint++;
            List<OperatorSubtaskState> states = new ArrayList<>();
            for (var task : tasks) {
                task.prepareSnapshotPreBarrier(checkpoint);
                states.add(task.snapshot(checkpoint, checkpoint));
            }
            saved = AbstractStreamOperatorTestHarness.repackageState(states.toArray(OperatorSubtaskState[]::new));
            savedParallelism = tasks.size();
            savedNext = next.clone();
        }

        boolean isAtEnd() {
            for (int partition = 0; partition < PARTITIONS; partition++) {
                if (next[partition] < logs.get(partition).size()) {
                    return false;
                }
            }
            return true;
        }

        void close() throws Exception {
            for (var task : tasks) {
                task.close();
            }
        }
    }

    @Test
    void whatIsInTheTopicsAlreadyIsNotPublishedAgain() throws Exception {
        List<Sent> log = Oracle.randomLog(new Random(9), 600);
        var harness = new KeyedOneInputStreamOperatorTestHarness<Integer, EventBlock, AverageRow>(
                new AveragesOperator(RULES, Map.of(), null, Map.of(0, 300L)), new PartitionKey(), Types.INT);
        harness.setup(TypeInformation.of(AverageRow.class).createSerializer(harness.getExecutionConfig().getSerializerConfig()));
        harness.open();
        for (int from = 0; from < 600; from += 100) {
            harness.processElement(new StreamRecord<>(Oracle.block(0, log, from, from + 100)));
            boolean isPublished = from >= 300;
            assertTrue(harness.extractOutputValues().stream().allMatch(row -> row.isPublished == isPublished));
            assertFalse(harness.getOutput().isEmpty());
            harness.getOutput().clear();
        }
        Set<Long> expected = new HashSet<>(Oracle.late(RULES, log));
        expected.removeIf(offset -> offset < 300);
        Set<Long> found = new HashSet<>();
        harness.getSideOutput(AveragesOperator.LATE).forEach(each -> found.add(each.getValue().kafkaOffset()));
        assertFalse(expected.isEmpty());
        assertEquals(expected, found);
        harness.close();
    }

    @ParameterizedTest
    @CsvSource({"hashmap, 1", "hashmap, 2", "hashmap, 3", "hashmap, 4", "rocksdb, 1", "rocksdb, 2", "rocksdb, 5"})
    void killedAndRescaledItLeavesTheOraclesTable(String backend, int seed) throws Exception {
        Random random = new Random(seed);
        Run run = new Run(
                backend.equals("hashmap") ? new HashMapStateBackend() : new EmbeddedRocksDBStateBackend(), random);
        run.start(2);
        for (int kills = 0; !run.isAtEnd(); ) {
            for (int step = random.nextInt(12); step >= 0; step--) {
                run.process(random.nextInt(PARTITIONS), random.nextInt(200));
            }
            if (random.nextInt(3) == 0) {
                run.snapshot();
            }
            if (random.nextInt(4) == 0 && kills < 12) {
                run.start(PARALLELISMS[kills++ % PARALLELISMS.length]);
            }
        }
        run.close();

        Map<Key, Pair> expected = new HashMap<>();
        for (int partition = 0; partition < PARTITIONS; partition++) {
            List<Sent> log = run.logs.get(partition);
            expected.putAll(
                    partition == WITHOUT_BEGINNING
                            ? Oracle.knownRows(RULES, log, Long.MAX_VALUE)
                            : Oracle.rows(RULES, log));
            assertEquals(Oracle.late(RULES, run.logs.get(partition)), run.late.get(partition));
        }
        assertEquals(List.of(), Oracle.differing(expected, run.rows));
    }
}
