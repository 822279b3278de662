package dev.jackstaff

/**
 * A client for tests: `MockFeatureFlags(mapOf("new_ui" to true)).client` is the real client over flags that the test writes, with a record of what was asked.
 *
 * A value is a boolean, text, a number or any JSON. A map with `value` or `users` gives single users their own value; one with a key of our flag document (`rules`,
 * `variants`, …) is such a flag.
 *
 * @throws FeatureFlagsException naming the flag that is none.
 */
public class MockFeatureFlags(flags: Map<String, Any?>) : AutoCloseable {
    /** What the code under test is given. */
    public val client: FeatureFlagsClient = FeatureFlagsClient.of(FeatureFlagsClient.native { openMock(natives(flags)) })

    /** The checks so far, oldest first; at most 10 000. */
    public val checks: List<Check> get() = client.native.recorded()

    /** Replaces the flags; they stay as they were if that throws. */
    public fun set(flags: Map<String, Any?>): Unit = client.native.setMock(natives(flags))

    override fun close(): Unit = client.close()
}

private fun natives(flags: Map<String, Any?>) = flags.mapValues { (name, value) -> native(value, name) }
