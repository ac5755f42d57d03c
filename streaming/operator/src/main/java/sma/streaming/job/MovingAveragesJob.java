package sma.streaming.job;

import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.connector.sink2.Sink;
import org.apache.flink.connector.kafka.sink.TransactionalSink;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.KafkaSourceBuilder;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.SingleOutputStreamOperator;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;
import org.apache.kafka.clients.consumer.OffsetResetStrategy;
import org.apache.kafka.common.TopicPartition;
import sma.streaming.window.EventBlock;

/**
 * Puts the job together.
 *
 * <pre>
 * events ─► EventBlocks ─(by partition)─► AveragesOperator ─┬─► sma.streaming_averages
 *               └─► rejected_events              │          └─► moving_averages
 *                                                └─► late_events
 * </pre>
 */
public final class MovingAveragesJob {
    private static final String TRANSACTION_TIMEOUT_MS = "900000"; // the broker's default maximum

    /** An offset that Kafka no longer has stops the job; it is not skipped. */
    @SuppressWarnings("deprecation") // the connector's API takes no other
    private static final OffsetResetStrategy NO_RESET = OffsetResetStrategy.NONE;

    private final StreamExecutionEnvironment environment;
    private final JobPlan plan;

    private MovingAveragesJob(StreamExecutionEnvironment environment, JobPlan plan) {
        this.environment = environment;
        this.plan = plan;
    }

    /**
     * Adds the job to an environment, which its owner then executes.
     *
     * @throws IllegalArgumentException the plan is not as {@link JobPlan} wants it
     */
    public static void define(StreamExecutionEnvironment environment, String plan) {
        new MovingAveragesJob(environment, JobPlan.fromJson(plan)).define();
    }

    private void define() {
        environment.setMaxParallelism(PartitionKey.MAX_PARALLELISM);
        environment.getConfig().enableObjectReuse();
        JobPlan.Kafka kafka = plan.kafka();
        Map<Integer, Long> publishFrom = kafka.publishFromOffsets();
        SingleOutputStreamOperator<EventBlock> blocks = environment
                .fromSource(source(), WatermarkStrategy.noWatermarks(), "events")
                .uid("events")
                .transform("event_blocks", new EventBlockType(), new EventBlocks(plan.maxAheadMs(), plan.lingerMs(), publishFrom))
                .uid("event_blocks");
        SingleOutputStreamOperator<AverageRow> rows = blocks.keyBy(new PartitionKey(), Types.INT)
                .transform(
                        "averages",
                        TypeInformation.of(AverageRow.class),
                        new AveragesOperator(plan.averages(), kafka.fromOffsets(), kafka.emitFromOffsets(), publishFrom))
                .uid("averages");
        if (kafka.rejectedEventsTopic() != null) {
            sink(
                    blocks.getSideOutput(EventBlocks.REJECTED),
                    inTransactions(kafka.rejectedEventsTopic(), JsonRecords::write, "-rejected"),
                    "rejected_events");
        }
        if (kafka.lateEventsTopic() != null) {
            sink(
                    rows.getSideOutput(AveragesOperator.LATE),
                    inTransactions(kafka.lateEventsTopic(), JsonRecords::write, "-late"),
                    "late_events");
        }
        if (kafka.averagesTopic() != null) {
            sink(
                    rows.filter(row -> row.isPublished).name("published").uid("published"),
                    inTransactions(kafka.averagesTopic(), JsonRecords::write, "-averages"),
                    "moving_averages");
        }
        JobPlan.Database database = plan.database();
        sink(rows, database == null ? new DiscardingSink<>() : new TimescaleSink(database, plan.generation()), "streaming_averages");
    }

    private KafkaSource<LogRecord> source() {
        JobPlan.Kafka kafka = plan.kafka();
        KafkaSourceBuilder<LogRecord> source = KafkaSource.<LogRecord>builder()
                .setProperties(kafka.connection())
                .setGroupId(kafka.group())
                .setTopics(kafka.eventsTopic())
                .setDeserializer(new LogRecord.Reader())
                .setStartingOffsets(OffsetsInitializer.offsets(places(kafka.fromOffsets()), NO_RESET))
                .setProperty("key.deserializer", BoundedBytes.class.getName())
                .setProperty("value.deserializer", BoundedBytes.class.getName())
                .setProperty("isolation.level", "read_committed")
                .setProperty("enable.auto.commit", "false") // checkpoints commit, or nothing does
                .setProperty("partition.discovery.interval.ms", "30000")
                .setProperty("commit.offsets.on.checkpoint", Boolean.toString(kafka.commitsOffsets()));
        if (kafka.toOffsets() != null) {
            source.setBounded(OffsetsInitializer.offsets(places(kafka.toOffsets()), NO_RESET));
        }
        return source.build();
    }

    private Map<TopicPartition, Long> places(Map<Integer, Long> offsets) {
        Map<TopicPartition, Long> places = new HashMap<>();
        offsets.forEach((partition, offset) -> places.put(new TopicPartition(plan.kafka().eventsTopic(), partition), offset));
        return places;
    }

    /** Readers of committed records find each once; those of one moment are committed when a checkpoint covers them. */
    private <T> Sink<T> inTransactions(String topic, JsonRecords.Writer<T> writer, String suffix) {
        Properties producer = plan.kafka().connection();
        producer.keySet().removeAll(Set.of("key.serializer", "value.serializer")); // the sink's own
        producer.setProperty("enable.idempotence", "true");
        producer.setProperty("acks", "all");
        producer.setProperty("transaction.timeout.ms", TRANSACTION_TIMEOUT_MS);
        return new TransactionalSink<>(
                producer, plan.kafka().transactionalIdPrefix() + suffix, new JsonRecords<>(topic, plan.generation(), writer));
    }

    private static <T> void sink(DataStream<T> from, Sink<T> to, String name) {
        from.sinkTo(to).name(name).uid(name);
    }
}
