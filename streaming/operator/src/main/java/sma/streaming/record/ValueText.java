package sma.streaming.record;

/** Decimal text to whole micro-units: the rule of sma/value.py, which says why it is exact. */
final class ValueText {
    private static final RejectedException NOT_A_NUMBER = new RejectedException("not a number");
    private static final RejectedException OUT_OF_RANGE = new RejectedException("out of range");

    /** No text that fits a Kafka record has as many digits as this exponent moves the point. */
    private static final long HUGE_EXPONENT = 10_000_000_000L;

    private ValueText() {}

    /**
     * Returns a decimal number, exponents allowed, rounded half away from zero to 6 decimals, in micro-units.
     *
     * <p>Linear in the length of the text, whatever its exponent.
     *
     * @throws RejectedException with the message "not a number" or "out of range"
     */
    static long parseMicros(String text) throws RejectedException {
        int length = text.length();
        int index = length > 0 && isSign(text.charAt(0)) ? 1 : 0;
        int start = index;
        index = afterDigits(text, index);
        int point = index;
        if (index < length && text.charAt(index) == '.') {
            index = afterDigits(text, index + 1);
        }
        int end = index;
        int fractionDigits = Math.max(0, end - point - 1);
        if (point - start + fractionDigits == 0) {
            throw NOT_A_NUMBER;
        }
        long exponent = readExponent(text, end);
        return round(text, start, point, end, exponent - fractionDigits + Limits.VALUE_SCALE, text.charAt(0) == '-');
    }

    /** The number is the digits in [start, end), but for the point, times 10^shift micro-units. */
    private static long round(String text, int start, int point, int end, long shift, boolean isNegative)
            throws RejectedException {
        int first = start;
        while (first < end && (first == point || text.charAt(first) == '0')) {
            first++;
        }
        if (first == end) {
            return 0;
        }
        long digits = end - first - (first <= point && point < end ? 1 : 0);
        long kept = digits + shift;
        if (kept > Limits.VALUE_INTEGER_DIGITS + Limits.VALUE_SCALE) {
            throw OUT_OF_RANGE;
        }
        if (kept < 0) {
            return 0;
        }
        long magnitude = 0;
        int index = first;
        for (long taken = 0; taken < kept; taken++) {
            index += index == point ? 1 : 0;
            magnitude = magnitude * 10 + (index < end ? text.charAt(index) - '0' : 0);
            index++;
        }
        index += index == point ? 1 : 0;
        if (index < end && text.charAt(index) >= '5') {
            magnitude++;
        }
        return isNegative ? -magnitude : magnitude;
    }

    private static long readExponent(String text, int start) throws RejectedException {
        if (start == text.length()) {
            return 0;
        }
        if (text.charAt(start) != 'e' && text.charAt(start) != 'E') {
            throw NOT_A_NUMBER;
        }
        int index = start + 1;
        boolean isNegative = index < text.length() && text.charAt(index) == '-';
        index += index < text.length() && isSign(text.charAt(index)) ? 1 : 0;
        if (index == text.length() || afterDigits(text, index) != text.length()) {
            throw NOT_A_NUMBER;
        }
        long exponent = 0;
        for (; index < text.length(); index++) {
            exponent = Math.min(HUGE_EXPONENT, exponent * 10 + text.charAt(index) - '0');
        }
        return isNegative ? -exponent : exponent;
    }

    private static int afterDigits(String text, int start) {
        int index = start;
        while (index < text.length() && text.charAt(index) >= '0' && text.charAt(index) <= '9') {
            index++;
        }
        return index;
    }

    private static boolean isSign(char character) {
        return character == '+' || character == '-';
    }
}
