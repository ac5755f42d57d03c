package sma.streaming.job;

import static org.junit.jupiter.api.Assertions.assertFalse;

import org.junit.jupiter.api.Test;
import org.postgresql.Driver;

class AveragesTableTest {
    @Test
    void theDriverIsNotKeptByTheProcessWhenTheJobHasEnded() throws Exception {
        Class.forName(AveragesTable.class.getName());
        assertFalse(Driver.isRegistered());
    }
}
