package sma.streaming.window;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class GridTest {
    @Test
    void thePointAfterATimeIsAfterItEvenOnAGridPoint() {
        assertEquals(5, Grid.after(4, 5, 0));
        assertEquals(10, Grid.after(5, 5, 0));
        assertEquals(10, Grid.after(6, 5, 0));
    }

    @Test
    void thePointAtOrAfterAGridPointIsThePointItself() {
        assertEquals(5, Grid.atOrAfter(4, 5, 0));
        assertEquals(5, Grid.atOrAfter(5, 5, 0));
        assertEquals(10, Grid.atOrAfter(6, 5, 0));
    }

    @Test
    void theGridGoesOnBeforeTheEpoch() {
        assertEquals(0, Grid.after(-1, 5, 0));
        assertEquals(0, Grid.after(-5, 5, 0));
        assertEquals(-5, Grid.after(-6, 5, 0));
        assertEquals(0, Grid.atOrAfter(-1, 5, 0));
        assertEquals(-5, Grid.atOrAfter(-5, 5, 0));
        assertEquals(-5, Grid.next(-10, 5));
    }

    @Test
    void anOffsetMovesTheGrid() {
        assertEquals(2, Grid.after(-3, 5, 2));
        assertEquals(2, Grid.after(1, 5, 2));
        assertEquals(7, Grid.after(2, 5, 2));
        assertEquals(2, Grid.atOrAfter(2, 5, 2));
        assertEquals(-3, Grid.atOrAfter(-7, 5, 2));
    }
}
