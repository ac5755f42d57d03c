package sma.streaming.job;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashSet;
import java.util.Set;
import java.util.stream.IntStream;
import org.apache.flink.runtime.state.KeyGroupRangeAssignment;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PartitionKeyTest {
    private final PartitionKey key = new PartitionKey();

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 5, 6, 8, 12, 16, 100, 128})
    void noTaskHasManyMorePartitionsThanAnother(int parallelism) {
        for (int partitions = parallelism; partitions <= 256; partitions++) {
            int[] held = new int[parallelism];
            IntStream.range(0, partitions).forEach(partition -> held[taskOf(partition, parallelism)]++);
            int fair = (partitions + parallelism - 1) / parallelism;
            int most = IntStream.of(held).max().orElseThrow();
            assertTrue(most <= fair + fair / 2 + 1, partitions + " partitions over " + parallelism + " tasks: " + most);
            if (Integer.bitCount(parallelism) == 1 && partitions % parallelism == 0) {
                assertEquals(fair, most);
            }
        }
    }

    @Test
    void noTwoPartitionsShareAKey() {
        Set<Integer> keys = new HashSet<>();
        for (int partition = 0; partition < 2_000; partition++) {
            assertTrue(keys.add(key.of(partition)), "partition " + partition);
        }
    }

    private int taskOf(int partition, int parallelism) {
        return KeyGroupRangeAssignment.assignKeyToParallelOperator(
                key.of(partition), PartitionKey.MAX_PARALLELISM, parallelism);
    }
}
