package sma.streaming.job;

import org.apache.flink.api.common.serialization.SerializerConfig;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import sma.streaming.window.EventBlock;

/** Tells Flink that blocks are written by {@link EventBlockSerializer}. */
final class EventBlockType extends TypeInformation<EventBlock> {
    private static final long serialVersionUID = 1L;

    @Override
    public TypeSerializer<EventBlock> createSerializer(SerializerConfig config) {
        return EventBlockSerializer.INSTANCE;
    }

    @Override
    public Class<EventBlock> getTypeClass() {
        return EventBlock.class;
    }

    @Override
    public boolean isBasicType() {
        return false;
    }

    @Override
    public boolean isTupleType() {
        return false;
    }

    @Override
    public boolean isKeyType() {
        return false;
    }

    @Override
    public int getArity() {
        return 1;
    }

    @Override
    public int getTotalFields() {
        return 1;
    }

    @Override
    public String toString() {
        return "EventBlock";
    }

    @Override
    public boolean canEqual(Object other) {
        return other instanceof EventBlockType;
    }

    @Override
    public boolean equals(Object other) {
        return canEqual(other);
    }

    @Override
    public int hashCode() {
        return EventBlock.class.hashCode();
    }
}
