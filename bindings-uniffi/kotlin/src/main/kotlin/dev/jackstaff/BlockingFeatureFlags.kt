package dev.jackstaff

import kotlin.time.Duration
import kotlinx.coroutines.runBlocking

/** The methods of [FeatureFlagsClient] that suspend, for threads that may wait: at most for the option `timeout`, and not at all once the flags are in memory. */
public class BlockingFeatureFlags internal constructor(private val client: FeatureFlagsClient) {
    /** See [FeatureFlagsClient.isEnabled]. */
    @JvmOverloads
    public fun isEnabled(flag: String, user: String?, default: Boolean = false): Boolean = runBlocking { client.isEnabled(flag, user, default) }

    /** See [FeatureFlagsClient.isEnabled]. */
    @JvmOverloads
    public fun isEnabled(flag: String, context: Context, default: Boolean = false): Boolean = runBlocking { client.isEnabled(flag, context, default) }

    /** See [FeatureFlagsClient.batchEvaluate]. */
    @JvmOverloads
    public fun batchEvaluate(flags: Collection<String>, user: String?, default: Boolean = false): Map<String, Boolean> =
        runBlocking { client.batchEvaluate(flags, user, default) }

    /** See [FeatureFlagsClient.batchEvaluate]. */
    @JvmOverloads
    public fun batchEvaluate(flags: Collection<String>, context: Context, default: Boolean = false): Map<String, Boolean> =
        runBlocking { client.batchEvaluate(flags, context, default) }

    /** See [FeatureFlagsClient.evaluate]. */
    @JvmOverloads
    public fun evaluate(flag: String, context: Context, default: Any? = null, type: FlagType = FlagType.ANY): Evaluation<Any?> =
        runBlocking { client.evaluate(flag, context, default, type) }

    /** See [FeatureFlagsClient.getString]. */
    public fun getString(flag: String, context: Context, default: String): String = runBlocking { client.getString(flag, context, default) }

    /** See [FeatureFlagsClient.getLong]. */
    public fun getLong(flag: String, context: Context, default: Long): Long = runBlocking { client.getLong(flag, context, default) }

    /** See [FeatureFlagsClient.getDouble]. */
    public fun getDouble(flag: String, context: Context, default: Double): Double = runBlocking { client.getDouble(flag, context, default) }

    /** See [FeatureFlagsClient.getObject]. */
    public fun getObject(flag: String, context: Context, default: Any?): Any? = runBlocking { client.getObject(flag, context, default) }

    /** See [FeatureFlagsClient.ready]. */
    public fun ready(timeout: Duration): FeatureFlagsClient = runBlocking { client.ready(timeout) }
}
