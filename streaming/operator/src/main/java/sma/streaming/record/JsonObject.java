package sma.streaming.record;

/**
 * The fields that a record may have, out of one JSON object (RFC 8259).
 *
 * <p>Strict, and in all that RFC 8259 leaves open like Python's {@code json}: the last of equal keys wins, an escaped
 * surrogate may be alone. A number stays the text it was written as. Brackets, outside strings,
 * nest {@link Limits#MAX_NESTING} deep at most.
 */
final class JsonObject {
    static final String NOT_JSON = "not UTF-8 JSON";

    private static final RejectedException SYNTAX = new RejectedException(NOT_JSON);
    private static final RejectedException NESTING =
            new RejectedException("nested deeper than " + Limits.MAX_NESTING);

    /** What a field holds; the text of a number or a string is kept, that of anything else is not. */
    enum Kind {
        STRING,
        NUMBER,
        NULL,
        OTHER
    }

    /** A field's value. */
    record Field(Kind kind, String text) {
        static final Field NULL = new Field(Kind.NULL, "");
        static final Field OTHER = new Field(Kind.OTHER, "");
    }

    /** Null where the object has no such key. */
    Field customer;

    Field metric;
    Field eventTime;
    Field value;
    Field heartbeat;

    private final String text;
    private int position;
    private int depth;

    private JsonObject(String text) {
        this.text = text;
    }

    /** Parses the whole text, in one pass; a second one only to say why a text that is not JSON is rejected. */
    static JsonObject parse(String text) throws RejectedException {
        JsonObject object = new JsonObject(text);
        try {
            return object.readTop();
        } catch (RejectedException rejected) {
            throw rejected == SYNTAX && isNestedTooDeep(text) ? NESTING : rejected;
        }
    }

    boolean hasEventField() {
        return customer != null || metric != null || eventTime != null || value != null;
    }

    private JsonObject readTop() throws RejectedException {
        skipWhiteSpace();
        boolean isObject = peek() == '{';
        if (isObject) {
            readMembers(true);
        } else {
            readValue();
        }
        skipWhiteSpace();
        if (position != text.length()) {
            throw SYNTAX;
        }
        if (!isObject) {
            throw new RejectedException("not a JSON object");
        }
        return this;
    }

    private Field readValue() throws RejectedException {
        switch (peek()) {
            case '"':
                return new Field(Kind.STRING, readString());
            case '{':
                readMembers(false);
                return Field.OTHER;
            case '[':
                readElements();
                return Field.OTHER;
            case 't':
                return readLiteral("true", Field.OTHER);
            case 'f':
                return readLiteral("false", Field.OTHER);
            case 'n':
                return readLiteral("null", Field.NULL);
            default:
                return new Field(Kind.NUMBER, readNumber());
        }
    }

    private void readMembers(boolean isTop) throws RejectedException {
        open();
        if (peek() != '}') {
            while (true) {
                if (peek() != '"') {
                    throw SYNTAX;
                }
                String key = readString();
                skipWhiteSpace();
                expect(':');
                skipWhiteSpace();
                Field field = readValue();
                if (isTop) {
                    keep(key, field);
                }
                if (isLast()) {
                    break;
                }
            }
        }
        close('}');
    }

    private void readElements() throws RejectedException {
        open();
        if (peek() != ']') {
            do {
                readValue();
            } while (!isLast());
        }
        close(']');
    }

    private void keep(String key, Field field) {
        switch (key) {
            case "customer" -> customer = field;
            case "metric" -> metric = field;
            case "event_time" -> eventTime = field;
            case "value" -> value = field;
            case "heartbeat" -> heartbeat = field;
            default -> { }
        }
    }

    private void open() throws RejectedException {
        position++;
        if (++depth > Limits.MAX_NESTING) {
            throw NESTING;
        }
        skipWhiteSpace();
    }

    private void close(char bracket) throws RejectedException {
        expect(bracket);
        depth--;
    }

    /** Steps over a comma, if there is one, and the white space around it. */
    private boolean isLast() {
        skipWhiteSpace();
        if (peek() != ',') {
            return true;
        }
        position++;
        skipWhiteSpace();
        return false;
    }

    private Field readLiteral(String literal, Field field) throws RejectedException {
        if (!text.startsWith(literal, position)) {
            throw SYNTAX;
        }
        position += literal.length();
        return field;
    }

    private String readNumber() throws RejectedException {
        int start = position;
        if (peek() == '-') {
            position++;
        }
        if (peek() == '0') {
            position++;
        } else {
            readDigits();
        }
        if (peek() == '.') {
            position++;
            readDigits();
        }
        if (peek() == 'e' || peek() == 'E') {
            position++;
            if (peek() == '+' || peek() == '-') {
                position++;
            }
            readDigits();
        }
        return text.substring(start, position);
    }

    private void readDigits() throws RejectedException {
        int start = position;
        while (peek() >= '0' && peek() <= '9') {
            position++;
        }
        if (position == start) {
            throw SYNTAX;
        }
    }

    private String readString() throws RejectedException {
        int start = ++position;
        while (peek() != '"') {
            if (peek() == '\\') {
                return readEscapedString(start);
            }
            if (peek() < ' ') {
                throw SYNTAX;
            }
            position++;
        }
        return text.substring(start, position++);
    }

    private String readEscapedString(int start) throws RejectedException {
        StringBuilder unescaped = new StringBuilder().append(text, start, position);
        while (peek() != '"') {
            char character = peek();
            if (character < ' ') {
                throw SYNTAX;
            }
            position++;
            unescaped.append(character == '\\' ? readEscape() : character);
        }
        position++;
        return unescaped.toString();
    }

    private char readEscape() throws RejectedException {
        char escaped = peek();
        position++;
        return switch (escaped) {
            case '"', '\\', '/' -> escaped;
            case 'b' -> '\b';
            case 'f' -> '\f';
            case 'n' -> '\n';
            case 'r' -> '\r';
            case 't' -> '\t';
            case 'u' -> readCodeUnit();
            default -> throw SYNTAX;
        };
    }

    private char readCodeUnit() throws RejectedException {
        int unit = 0;
        for (int end = position + 4; position < end; position++) {
            char character = peek();
            int digit = character < 128 ? Character.digit(character, 16) : -1;
            if (digit < 0) {
                throw SYNTAX;
            }
            unit = unit << 4 | digit;
        }
        return (char) unit;
    }

    private void expect(char expected) throws RejectedException {
        if (peek() != expected) {
            throw SYNTAX;
        }
        position++;
    }

    private void skipWhiteSpace() {
        while (peek() == ' ' || peek() == '\n' || peek() == '\r' || peek() == '\t') {
            position++;
        }
    }

    /** The next character; past the end NUL, which JSON allows nowhere. */
    private char peek() {
        return position < text.length() ? text.charAt(position) : '\0';
    }

    private static boolean isNestedTooDeep(String text) {
        int depth = 0;
        boolean isInString = false;
        for (int index = 0; index < text.length(); index++) {
            char character = text.charAt(index);
            if (isInString) {
                if (character == '\\') {
                    index++;
                } else if (character == '"') {
                    isInString = false;
                }
            } else if (character == '"') {
                isInString = true;
            } else if (character == '{' || character == '[') {
                if (++depth > Limits.MAX_NESTING) {
                    return true;
                }
            } else if (character == '}' || character == ']') {
                depth--;
            }
        }
        return false;
    }
}
