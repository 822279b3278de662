package dev.jackstaff

/**
 * Who is asking: a user id with attributes, built once and used for any number of checks, by any client and any thread.
 *
 * Attributes are text, numbers, booleans, dates and times, lists and maps of these: at most 256, 64 KiB of text each, 8 levels deep.
 *
 * @param user the targeting key; null is nobody: rules on attributes work, rollouts by user do not.
 * @throws FeatureFlagsException.InvalidArgument for attributes that are none; the message names the attribute.
 */
public class Context @JvmOverloads constructor(public val user: String?, attributes: Map<String, Any?> = emptyMap()) {
    internal val native: NativeContext
    internal val door: Long

    init {
        Door.open()
        native = NativeContext(user, attributes.mapValues { (name, value) -> native(value, name) })
        door = native.door().toLong()
    }

    override fun toString(): String = "Context" // never the user: contexts end in logs
}
