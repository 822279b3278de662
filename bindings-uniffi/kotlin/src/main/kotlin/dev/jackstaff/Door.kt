package dev.jackstaff

import com.sun.jna.Native

/**
 * The check itself: one native call with the two strings as they are.
 *
 * Everything else goes through what UniFFI generated, over JNA, where a call with strings costs microseconds. This one is in the same library, which both load from
 * one file.
 */
internal object Door {
    /** What [look] says where only a wait could tell. */
    const val PENDING = 2

    init {
        val override = System.getProperty(LIBRARY)
        // JNA unpacks the library of this platform from the jar, once; both ways in have to use that file, or there would be two of everything.
        val file = override ?: Native.extractFromResourcePath("jackstaff_uniffi", Door::class.java.classLoader).absolutePath
        System.load(file)
        if (override == null) System.setProperty(LIBRARY, file)
    }

    /** Loads the library, before generated code looks for it. */
    fun open() = Unit

    /** Is the flag on? 0, 1 or [PENDING]. `client` and `context` are the numbers of objects that live until this returns; a context of 0 is [user]. */
    @JvmStatic
    external fun look(client: Long, context: Long, flag: String, user: String?, default: Boolean): Int

    /** The value of a flag of this type (its place in [FlagType]): `=` and its text; empty where the default serves, null where only a wait could tell. */
    @JvmStatic
    external fun value(client: Long, context: Long, flag: String, wanted: Int): String?
}

private const val LIBRARY = "uniffi.component.jackstaff.libraryOverride"
