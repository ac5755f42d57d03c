package sma.streaming.job;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.math.BigDecimal;
import java.math.BigInteger;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AverageRowTest {
    @ParameterizedTest
    @ValueSource(strings = {
        "0",
        "1",
        "-1",
        "-500000",
        "999999",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "-9223372036854775809",
        "18446744073709551615",
        "18446744073709551616",
        "170141183460469231731687303715884105727",
        "-170141183460469231731687303715884105728"
    })
    void theSumIsWrittenInFullWithSixDecimals(String micros) {
        BigInteger sum = new BigInteger(micros);
        AverageRow row = new AverageRow();
        row.sumHigh = sum.shiftRight(64).longValueExact();
        row.sumLow = sum.longValue();
        assertEquals(new BigDecimal(sum, 6).toPlainString(), row.valueSum());
    }
}
