package org.apache.flink.connector.kafka.sink;

import java.lang.reflect.Field;
import java.util.Collection;
import java.util.Properties;
import org.apache.flink.api.connector.sink2.WriterInitContext;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.kafka.clients.admin.AdminClient;

/**
 * Flink's own sink in transactions, whose writers close the admin client by which they look for transactions that were left
 * open. The connector (5.0.0) leaves it running: its thread holds all classes of the job in memory after the job has ended,
 * and some 25 starts fill the TaskManager's metaspace. The classes that make this possible are visible in this package only.
 */
public final class TransactionalSink<IN> extends KafkaSink<IN> {
    private static final long serialVersionUID = 1L;
    private static final TransactionNamingStrategy NAMES = TransactionNamingStrategy.POOLING;

    private final String transactionalIdPrefix;
    private final KafkaRecordSerializationSchema<IN> serializer;

    /** Takes what {@link KafkaSinkBuilder} takes; the producer's properties are checked and completed by it. */
    public TransactionalSink(
            Properties producer, String transactionalIdPrefix, KafkaRecordSerializationSchema<IN> serializer) {
        this(
                KafkaSink.<IN>builder()
                        .setKafkaProducerConfig(producer)
                        .setRecordSerializer(serializer)
                        .setDeliveryGuarantee(DeliveryGuarantee.EXACTLY_ONCE)
                        .setTransactionalIdPrefix(transactionalIdPrefix)
                        .setTransactionNamingStrategy(NAMES)
                        .build(),
                transactionalIdPrefix,
                serializer);
    }

    private TransactionalSink(
            KafkaSink<IN> checked, String transactionalIdPrefix, KafkaRecordSerializationSchema<IN> serializer) {
        super(
                DeliveryGuarantee.EXACTLY_ONCE,
                checked.getKafkaProducerConfig(),
                transactionalIdPrefix,
                serializer,
                NAMES);
        this.transactionalIdPrefix = transactionalIdPrefix;
        this.serializer = serializer;
    }

    @Override
    public KafkaWriter<IN> restoreWriter(WriterInitContext context, Collection<KafkaWriterState> recovered) {
        Writer<IN> writer = new Writer<>(getKafkaProducerConfig(), transactionalIdPrefix, context, serializer, recovered);
        writer.initialize();
        return writer;
    }

    @SuppressWarnings("try") // close() can be interrupted, as its parent's
    private static final class Writer<IN> extends ExactlyOnceKafkaWriter<IN> {
        private static final Field ADMIN_CLIENT = adminClient();

        Writer(
                Properties producer,
                String transactionalIdPrefix,
                WriterInitContext context,
                KafkaRecordSerializationSchema<IN> serializer,
                Collection<KafkaWriterState> recovered) {
            super(
                    DeliveryGuarantee.EXACTLY_ONCE,
                    producer,
                    transactionalIdPrefix,
                    context,
                    serializer,
                    context.asSerializationSchemaInitializationContext(),
                    NAMES.getAbortImpl(),
                    NAMES.getImpl(),
                    recovered);
        }

        /** The admin client is used here only, and not where this fails. */
        @Override
        public void initialize() {
            try {
                super.initialize();
            } finally {
                closeAdminClient();
            }
        }

        private void closeAdminClient() {
            try (AdminClient used = (AdminClient) ADMIN_CLIENT.get(this)) {
                ADMIN_CLIENT.set(this, null); // whoever wants one after this makes it
            } catch (IllegalAccessException impossible) {
                throw new IllegalStateException(impossible);
            }
        }

        private static Field adminClient() {
            try {
                Field field = ExactlyOnceKafkaWriter.class.getDeclaredField("adminClient");
                field.setAccessible(true);
                return field;
            } catch (NoSuchFieldException other) {
                throw new IllegalStateException("does this version of Flink's Kafka connector close it?", other);
            }
        }
    }
}
