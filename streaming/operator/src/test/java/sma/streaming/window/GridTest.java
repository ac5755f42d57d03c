package sma.streaming.window;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class GridTest {
    @Test
    void thePointAfterATimeIsAfterItEvenOnAGridPoint() {
        assertEquals(5, Grid.after(4, 5));
        assertEquals(10, Grid.after(5, 5));
        assertEquals(10, Grid.after(6, 5));
    }

    @Test
    void thePointAtOrAfterAGridPointIsThePointItself() {
        assertEquals(5, Grid.atOrAfter(4, 5));
        assertEquals(5, Grid.atOrAfter(5, 5));
        assertEquals(10, Grid.atOrAfter(6, 5));
    }

    @Test
    void theGridGoesOnBeforeTheEpoch() {
        assertEquals(0, Grid.after(-1, 5));
        assertEquals(0, Grid.after(-5, 5));
        assertEquals(-5, Grid.after(-6, 5));
        assertEquals(0, Grid.atOrAfter(-1, 5));
        assertEquals(-5, Grid.atOrAfter(-5, 5));
        assertEquals(-5, Grid.next(-10, 5));
    }
}
