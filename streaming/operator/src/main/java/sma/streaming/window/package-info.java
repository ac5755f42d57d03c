/**
 * The moving averages themselves: events of a partition of the log in, exact sums and counts out.
 *
 * <p>Only Java's own library, no Flink and no clock: what comes out depends on nothing but what went in. {@link
 * sma.streaming.window.Grid} is the grid, {@link sma.streaming.window.Lateness} the rule of lateness.
 */
package sma.streaming.window;
