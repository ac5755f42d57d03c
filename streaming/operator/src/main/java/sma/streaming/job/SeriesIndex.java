package sma.streaming.job;

import java.util.Arrays;
import sma.streaming.window.EventBlock;

/** The index of each series in the block being filled: a hash table over the names' bytes, kept from block to block. */
final class SeriesIndex {
    private static final int MAX_SERIES = 1 << 16;

    private byte[][] names = new byte[256][];
    private int[] hashes = new int[256];
    private int[] blocks = new int[256];
    private int[] indexes = new int[256];
    private int size;
    private int blockNumber = 1;

    /** Forgets the indexes, and the names too once there are very many. */
    void startBlock() {
        blockNumber++;
        if (size > MAX_SERIES) {
            Arrays.fill(names, null);
            size = 0;
        }
    }

    /** Returns the index of a series, which it adds to the block if need be. O(1) on average. */
    int of(byte[] name, int length, EventBlock block) {
        int hash = hash(name, length);
        int slot = slot(name, length, hash);
        if (names[slot] == null) {
            if (size * 2 >= names.length) {
                grow();
                slot = slot(name, length, hash);
            }
            names[slot] = Arrays.copyOf(name, length);
            hashes[slot] = hash;
            blocks[slot] = 0;
            size++;
        }
        if (blocks[slot] != blockNumber) {
            blocks[slot] = blockNumber;
            indexes[slot] = block.addSeries(names[slot]);
        }
        return indexes[slot];
    }

    private int slot(byte[] name, int length, int hash) {
        int slot = hash & names.length - 1;
        while (names[slot] != null && !(hashes[slot] == hash && Arrays.equals(names[slot], 0, names[slot].length, name, 0, length))) {
            slot = slot + 1 & names.length - 1;
        }
        return slot;
    }

    private void grow() {
        byte[][] oldNames = names;
        int[] oldHashes = hashes;
        int[] oldBlocks = blocks;
        int[] oldIndexes = indexes;
        int capacity = 2 * oldNames.length;
        names = new byte[capacity][];
        hashes = new int[capacity];
        blocks = new int[capacity];
        indexes = new int[capacity];
        for (int old = 0; old < oldNames.length; old++) {
            if (oldNames[old] != null) {
                int slot = slot(oldNames[old], oldNames[old].length, oldHashes[old]);
                names[slot] = oldNames[old];
                hashes[slot] = oldHashes[old];
                blocks[slot] = oldBlocks[old];
                indexes[slot] = oldIndexes[old];
            }
        }
    }

    private static int hash(byte[] name, int length) {
        int hash = 1;
        for (int index = 0; index < length; index++) {
            hash = 31 * hash + name[index];
        }
        return hash ^ hash >>> 15;
    }
}
