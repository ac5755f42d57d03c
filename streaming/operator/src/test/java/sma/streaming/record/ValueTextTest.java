package sma.streaming.record;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ValueTextTest {
    private static final BigDecimal LIMIT = BigDecimal.TEN.pow(Limits.VALUE_INTEGER_DIGITS);

    @Test
    void agreesWithBigDecimalOnRandomNumbers() throws RejectedException {
        Random random = new Random(3);
        for (int round = 0; round < 200_000; round++) {
            String text = randomNumber(random);
            BigDecimal number = new BigDecimal(text);
            if (number.abs().compareTo(LIMIT) >= 0) {
                assertThrows(RejectedException.class, () -> ValueText.parseMicros(text), text);
            } else {
                BigDecimal micros = number.movePointRight(Limits.VALUE_SCALE).setScale(0, RoundingMode.HALF_UP);
                assertEquals(micros.longValueExact(), ValueText.parseMicros(text), text);
            }
        }
    }

    private static String randomNumber(Random random) {
        String digits = randomDigits(random, random.nextInt(20));
        String fraction = randomDigits(random, random.nextInt(20) + (digits.isEmpty() ? 1 : 0));
        String point = fraction.isEmpty() && random.nextBoolean() ? "" : ".";
        String exponent = random.nextInt(3) > 0 ? "" : (random.nextBoolean() ? "e" : "E") + (random.nextInt(61) - 30);
        return new String[] {"", "-", "+"}[random.nextInt(3)] + digits + point + fraction + exponent;
    }

    private static String randomDigits(Random random, int count) {
        StringBuilder digits = new StringBuilder(count);
        while (digits.length() < count) {
            digits.append("0012345555999".charAt(random.nextInt(13)));
        }
        return digits.toString();
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "-", ".", "+.", "e5", "1e", "1e+", "1.2.3", " 1", "1 ", "1\n", "NaN", "0x1", "1_0", "١", "--1"})
    void refusesWhatIsNoNumber(String text) {
        assertEquals(
                "not a number",
                assertThrows(RejectedException.class, () -> ValueText.parseMicros(text)).getMessage());
    }

    @Test
    void takesNoLongerForAHugeExponent() throws RejectedException {
        assertEquals(0, ValueText.parseMicros("9e-" + "9".repeat(100_000)));
        assertEquals(0, ValueText.parseMicros("-0e" + "9".repeat(100_000)));
        assertEquals(1_000_000, ValueText.parseMicros("0." + "0".repeat(100_000) + "1e100001"));
    }
}
