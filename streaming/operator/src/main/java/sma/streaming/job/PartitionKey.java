package sma.streaming.job;

import org.apache.flink.api.java.functions.KeySelector;
import org.apache.flink.runtime.state.KeyGroupRangeAssignment;
import sma.streaming.window.EventBlock;

/**
 * The key under which a partition's state is kept: a number that is chosen for its hash.
 *
 * <p>Flink spreads keys over tasks by hash, which could put all the few partitions of a topic on one task. The keys found
 * here spread partitions evenly, for any number of tasks: partition 0, 1, 2, 3 ... is at 0, 1/2, 1/4, 3/4 ... of the key
 * groups. The key depends on the partition alone, so state stays where it is when partitions are added.
 */
final class PartitionKey implements KeySelector<EventBlock, Integer> {
    static final int MAX_PARALLELISM = 128;

    private static final long serialVersionUID = 1L;
    private static final int GROUP_BITS = 7;

    private int[] known = new int[0];

    @Override
    public Integer getKey(EventBlock block) {
        return of(block.partition);
    }

    int of(int partition) {
        if (partition >= known.length) {
            int[] more = new int[Math.max(partition + 1, 2 * known.length)];
            for (int index = 0; index < more.length; index++) {
                more[index] = find(index);
            }
            known = more;
        }
        return known[partition];
    }

    /** Of the numbers whose key group is the wanted one, the first for partitions below 128, the second above, ... */
    private static int find(int partition) {
        int wanted = Integer.reverse(partition % MAX_PARALLELISM) >>> Integer.SIZE - GROUP_BITS;
        int skipped = partition / MAX_PARALLELISM;
        int key = 0;
        while (KeyGroupRangeAssignment.assignToKeyGroup(key, MAX_PARALLELISM) != wanted || skipped-- > 0) {
            key++;
        }
        return key;
    }
}
