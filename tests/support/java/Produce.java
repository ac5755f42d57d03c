import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Sends what its standard input says, with Kafka's own Java producer, and prints "partition offset" of each record.
 *
 * <p>Arguments: the topic, a prefix of transactional ids. Input: {@code config NAME VALUE} in base64 for each property
 * of the connection, then {@code begin CODEC END}, then a record on each line, {@code PARTITION KEY VALUE} in base64 with {@code -} for none, then {@code end}. END is
 * {@code flush} for an idempotent producer, or {@code commit} or {@code abort} for a transaction.
 */
public final class Produce {
    private static final byte[] HEADER = "test".getBytes(StandardCharsets.UTF_8);

    public static void main(String[] arguments) throws Exception {
        Map<String, Object> connection = new HashMap<>();
        Map<String, KafkaProducer<byte[], byte[]>> producers = new HashMap<>();
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            String[] begin = line.split(" ");
            if (begin[0].equals("config")) {
                connection.put(begin[1], new String(bytes(begin[2]), StandardCharsets.UTF_8));
                continue;
            }
            boolean isTransaction = !begin[2].equals("flush");
            KafkaProducer<byte[], byte[]> producer = producers.computeIfAbsent(
                    begin[1] + isTransaction, key -> open(connection, arguments[1] + key, begin[1], isTransaction));
            send(producer, arguments[0], input, begin[2]);
        }
        producers.values().forEach(KafkaProducer::close);
    }

    private static KafkaProducer<byte[], byte[]> open(
            Map<String, Object> connection, String id, String codec, boolean isTransaction) {
        Map<String, Object> config = new HashMap<>(connection);
        config.put("compression.type", codec);
        config.put("linger.ms", 5);
        if (isTransaction) {
            config.put("transactional.id", id);
        }
        KafkaProducer<byte[], byte[]> producer =
                new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer());
        if (isTransaction) {
            producer.initTransactions();
        }
        return producer;
    }

    private static void send(KafkaProducer<byte[], byte[]> producer, String topic, BufferedReader input, String end)
            throws Exception {
        if (!end.equals("flush")) {
            producer.beginTransaction();
        }
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        for (String line = input.readLine(); !line.equals("end"); line = input.readLine()) {
            String[] fields = line.split(" ");
            Integer partition = fields[0].equals("-") ? null : Integer.valueOf(fields[0]);
            ProducerRecord<byte[], byte[]> record =
                    new ProducerRecord<>(topic, partition, bytes(fields[1]), bytes(fields[2]));
            record.headers().add("source", HEADER).add("empty", null);
            sent.add(producer.send(record));
        }
        producer.flush();
        for (Future<RecordMetadata> each : sent) {
            System.out.println(each.get().partition() + " " + each.get().offset());
        }
        if (end.equals("commit")) {
            producer.commitTransaction();
        } else if (end.equals("abort")) {
            producer.abortTransaction();
        }
    }

    private static byte[] bytes(String text) {
        return text.equals("-") ? null : Base64.getDecoder().decode(text);
    }
}
