package sma.streaming.record;

/** A record, or a part of it, cannot be read; the message is the reason. Cheap: it has no stack trace. */
final class RejectedException extends Exception {
    private static final long serialVersionUID = 1L;

    RejectedException(String reason) {
        super(reason, null, false, false);
    }
}
