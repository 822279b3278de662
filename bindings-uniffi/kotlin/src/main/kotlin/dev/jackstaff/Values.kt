package dev.jackstaff

import java.time.temporal.TemporalAccessor
import java.util.Date
import java.util.UUID

/** A Kotlin value as the core takes it; [name] is for the message. */
internal fun native(value: Any?, name: String): NativeValue = when (value) {
    null -> NativeValue.Null
    is NativeValue -> value
    is Boolean -> NativeValue.Bool(value)
    is Byte, is Short, is Int, is Long -> NativeValue.Int((value as Number).toLong())
    is UByte -> NativeValue.Int(value.toLong())
    is UShort -> NativeValue.Int(value.toLong())
    is UInt -> NativeValue.Int(value.toLong())
    is java.math.BigInteger -> if (value.bitLength() < 64) NativeValue.Int(value.toLong()) else NativeValue.Double(value.toDouble())
    is Number -> NativeValue.Double(value.toDouble())
    is CharSequence, is Char, is UUID, is TemporalAccessor -> NativeValue.Text(value.toString())
    is Date -> NativeValue.Text(value.toInstant().toString())
    is Enum<*> -> NativeValue.Text(value.name)
    is Map<*, *> -> NativeValue.Object(value.entries.associate { (key, item) -> key.toString() to native(item, name) })
    is Iterable<*> -> NativeValue.Items(value.map { native(it, name) })
    is Array<*> -> NativeValue.Items(value.map { native(it, name) })
    else -> throw FeatureFlagsException.InvalidArgument(
        "\"$name\" is a ${value.javaClass.name}: it has to be text, a number, a boolean, a date, or a list or map of these",
    )
}

/** A value of the core's as Kotlin has it: null, Boolean, Long, Double, String, List or Map. */
internal fun plain(value: NativeValue): Any? = when (value) {
    is NativeValue.Null -> null
    is NativeValue.Bool -> value.value
    is NativeValue.Int -> value.value
    is NativeValue.Double -> value.value
    is NativeValue.Text -> value.value
    is NativeValue.Items -> value.values.map(::plain)
    is NativeValue.Object -> value.entries.mapValues { plain(it.value) }
}
