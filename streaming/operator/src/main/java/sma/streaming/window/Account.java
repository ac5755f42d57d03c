package sma.streaming.window;

import java.nio.ByteBuffer;

/**
 * What became of the records of one partition: each is used, late, rejected or a heartbeat.
 *
 * <p>An offset without a record, such as the marker of a producer's transaction, is skipped. So the offsets read are
 * the sum of the five. Each is counted where a record is read, found late or added, so that the sum can fail.
 */
public final class Account {
    static final int BYTES = 7 * Long.BYTES;

    public long firstOffset = -1;
    public long nextOffset;
    public long used;
    public long late;
    public long rejected;
    public long heartbeats;
    public long skipped;

    /** How many offsets nothing accounts for; not 0 is a defect. */
    public long residue() {
        return nextOffset - Math.max(0, firstOffset) - used - late - rejected - heartbeats - skipped;
    }

    void write(ByteBuffer header) {
        header.putLong(firstOffset).putLong(nextOffset).putLong(used).putLong(late);
        header.putLong(rejected).putLong(heartbeats).putLong(skipped);
    }

    static Account read(ByteBuffer header) {
        Account account = new Account();
        account.firstOffset = header.getLong();
        account.nextOffset = header.getLong();
        account.used = header.getLong();
        account.late = header.getLong();
        account.rejected = header.getLong();
        account.heartbeats = header.getLong();
        account.skipped = header.getLong();
        return account;
    }
}
