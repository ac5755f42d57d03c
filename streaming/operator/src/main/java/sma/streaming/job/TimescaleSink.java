package sma.streaming.job;

import java.util.List;
import org.apache.flink.api.connector.sink2.Sink;
import org.apache.flink.api.connector.sink2.SinkWriter;
import org.apache.flink.api.connector.sink2.WriterInitContext;

/** Upserts rows into {@code sma.streaming_averages}; those of a checkpoint are there before it is complete. */
final class TimescaleSink implements Sink<AverageRow> {
    private static final long serialVersionUID = 1L;

    private final JobPlan.Database database;
    private final long generation;

    TimescaleSink(JobPlan.Database database, long generation) {
        this.database = database;
        this.generation = generation;
    }

    @Override
    public SinkWriter<AverageRow> createWriter(WriterInitContext context) {
        return new TimescaleWriter(new AveragesTable(database, generation), context.getProcessingTimeService());
    }
}
