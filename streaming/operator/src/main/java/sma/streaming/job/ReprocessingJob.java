package sma.streaming.job;

import java.io.Serializable;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.connector.jdbc.core.datastream.source.JdbcSource;
import org.apache.flink.connector.jdbc.core.datastream.source.JdbcSourceBuilder;
import org.apache.flink.connector.jdbc.split.JdbcGenericParameterValuesProvider;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;
import sma.streaming.window.Average;

/**
 * A job that ends: it derives a coarser average from the served rows of a finer one, without the log.
 *
 * <pre>
 * serving.moving_averages ─► CoarserAverages ─► sma.streaming_averages
 * </pre>
 */
public final class ReprocessingJob {
    private static final String SERVED =
            """
            SELECT
                customer,
                metric,
                (extract(EPOCH FROM as_of) * 1000)::bigint AS as_of_ms,
                value_sum,
                event_count
            FROM serving.moving_averages
            WHERE average = ?
                AND as_of > timestamptz 'epoch' + ? * interval '1 millisecond'
                AND as_of <= timestamptz 'epoch' + ? * interval '1 millisecond'
                AND mod((extract(EPOCH FROM as_of) * 1000)::bigint - ?, ?) = 0
                AND mod(hashtext(customer || '/' || metric)::bigint + 2147483648, ?) = ?
            ORDER BY
                customer,
                metric,
                as_of
            """;
    private static final int FETCHED_ROWS = 10_000;

    private ReprocessingJob() {}

    /**
     * All that the job needs to know, as {@code streaming/submit/plan.py} writes it.
     *
     * @param generation of the derived rows
     * @param from where rows are read
     * @param finer whose rows are read; its duration divides that of the coarser one
     * @param coarser whose rows are derived
     * @param startMs no window begins before
     * @param endMs no window ends after
     * @param splits into how many the series are divided by hash; each is read by one task
     * @param database where rows go; null for nowhere
     */
    public record Plan(
            long generation,
            JobPlan.Database from,
            Average finer,
            Average coarser,
            long startMs,
            long endMs,
            int splits,
            JobPlan.Database database) {}

    /**
     * Adds the job to an environment, which its owner then executes.
     *
     * @throws IllegalArgumentException the plan is not as {@link Plan} wants it
     */
    public static void define(StreamExecutionEnvironment environment, String json) {
        Plan plan = PlanJson.read(json, Plan.class);
        environment
                .fromSource(source(plan), WatermarkStrategy.noWatermarks(), "served")
                .transform(
                        "averages",
                        TypeInformation.of(AverageRow.class),
                        new CoarserAverages(plan.coarser, plan.startMs, plan.endMs))
                .sinkTo(plan.database == null ? new DiscardingSink<>() : new TimescaleSink(plan.database, plan.generation))
                .name("streaming_averages");
    }

    private static JdbcSource<StoredRow> source(Plan plan) {
        Serializable[][] splits = new Serializable[plan.splits][];
        for (int split = 0; split < plan.splits; split++) {
            splits[split] = new Serializable[] {
                plan.finer.name(),
                plan.startMs,
                plan.endMs,
                plan.coarser.offsetMs(),
                plan.finer.durationMs(),
                (long) plan.splits,
                (long) split
            };
        }
        JdbcSourceBuilder<StoredRow> source = JdbcSource.<StoredRow>builder()
                .setDBUrl(plan.from.url())
                .setDriverName("org.postgresql.Driver")
                .setSql(SERVED)
                .setJdbcParameterValuesProvider(new JdbcGenericParameterValuesProvider(splits))
                .setResultExtractor(new StoredRow.Reader())
                .setTypeInformation(TypeInformation.of(StoredRow.class))
                .setAutoCommit(false) // else the driver would read a whole split into memory
                .setResultSetFetchSize(FETCHED_ROWS);
        if (plan.from.user() != null) {
            source.setUsername(plan.from.user()).setPassword(plan.from.password());
        }
        return source.build();
    }
}
