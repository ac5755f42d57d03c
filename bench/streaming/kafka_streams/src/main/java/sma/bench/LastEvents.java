package sma.bench;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.io.UncheckedIOException;
import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.processor.api.RecordMetadata;
import org.apache.kafka.streams.state.KeyValueStore;

/** The last events of each series with their sum, which is carried on; the record's key names the series. O(1) an event. */
final class LastEvents extends ContextualProcessor<byte[], byte[], byte[], Ring> {
    private static final JsonFactory JSON = new JsonFactory();
    private static final int SCALE = 6;

    private final int length;
    private final Main.Progress progress;

    private KeyValueStore<byte[], byte[]> windows;
    private long used;

    LastEvents(int length, Main.Progress progress) {
        this.length = length;
        this.progress = progress;
    }

    @Override
    public void init(ProcessorContext<byte[], Ring> context) {
        super.init(context);
        windows = context.getStateStore(Main.STORE);
    }

    @Override
    public void process(Record<byte[], byte[]> event) {
        RecordMetadata place = context().recordMetadata().orElseThrow();
        long end = progress.endOf(place.partition());
        if (place.offset() >= end) {
            return; // a heartbeat
        }
        if (used == 0) {
            progress.begin();
        }
        byte[] stored = windows.get(event.key());
        Ring ring = stored == null ? Ring.empty(length) : new Ring(stored);
        ring.add(valueMicros(event.value()));
        windows.put(event.key(), ring.bytes());
        context().forward(event.withValue(ring));
        used++;
        if (place.offset() == end - 1) {
            progress.events.addAndGet(used);
            progress.done.countDown();
        }
    }

    /** Reads all of the JSON object and returns its value, exactly. */
    private static long valueMicros(byte[] json) {
        long micros = 0;
        try (JsonParser parser = JSON.createParser(json)) {
            parser.nextToken();
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                String name = parser.currentName();
                parser.nextToken();
                switch (name) {
                    case "value" -> micros = micros(parser.getTextCharacters(), parser.getTextOffset(), parser.getTextLength());
                    case "event_time" -> parser.getLongValue();
                    default -> parser.getText();
                }
            }
        } catch (IOException notJson) {
            throw new UncheckedIOException(notJson);
        }
        return micros;
    }

    private static long micros(char[] text, int from, int length) {
        long micros = 0;
        int decimals = -1;
        boolean isNegative = false;
        for (int index = from; index < from + length; index++) {
            char letter = text[index];
            if (letter == '-') {
                isNegative = true;
            } else if (letter == '.') {
                decimals = 0;
            } else {
                micros = 10 * micros + letter - '0';
                decimals += decimals < 0 ? 0 : 1;
            }
        }
        for (int decimal = Math.max(decimals, 0); decimal < SCALE; decimal++) {
            micros *= 10;
        }
        return isNegative ? -micros : micros;
    }
}
