package sma.streaming.job;

import java.util.stream.Collectors;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.annotation.JsonProperty;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.core.JsonProcessingException;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.DeserializationFeature;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonMappingException;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.PropertyNamingStrategies;
import sma.streaming.window.Average;

/**
 * Reads a plan: one JSON object with exactly the keys of its record, in snake_case.
 *
 * <p>An error names the key and no value, since a plan holds passwords and Flink logs the error.
 */
final class PlanJson {
    private PlanJson() {}

    /** An average's name has the key that each of its rows has. */
    private interface AverageKeys {
        @JsonProperty("average")
        String name();
    }

    /**
     * Returns the plan.
     *
     * @throws IllegalArgumentException it is not JSON, or a key is unknown, missing or of another type
     */
    static <T> T read(String json, Class<T> plan) {
        ObjectMapper mapper = new ObjectMapper()
                .setPropertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
                .addMixIn(Average.class, AverageKeys.class)
                .enable(DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES)
                .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES);
        try {
            return mapper.readValue(json, plan);
        } catch (JsonMappingException error) {
            throw new IllegalArgumentException(
                    "the plan has an unknown, missing or wrong key " + key(error)
                            + ": is this jar of the version that wrote the plan?");
        } catch (JsonProcessingException error) {
            throw new IllegalArgumentException("the plan is not JSON");
        }
    }

    private static String key(JsonMappingException error) {
        return error.getPath().stream()
                .map(step -> step.getFieldName() == null ? "[" + step.getIndex() + "]" : step.getFieldName())
                .collect(Collectors.joining("."));
    }
}
