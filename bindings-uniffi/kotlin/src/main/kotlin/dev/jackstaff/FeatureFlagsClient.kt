package dev.jackstaff

import java.lang.ref.Reference
import kotlin.time.Duration
import kotlin.time.DurationUnit
import kotlinx.coroutines.channels.BufferOverflow
import kotlinx.coroutines.channels.awaitClose
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.buffer
import kotlinx.coroutines.flow.callbackFlow

/**
 * A client of feature flags: `FeatureFlagsClient("http://config-service:8082", "production").use { it.isEnabled("new_ui", "user123") }`.
 *
 * Any number of threads and coroutines may use one at a time; a service needs one for its whole life. No check throws: where nobody can say, the caller's default serves, and
 * [evaluate] says why. A disabled flag is off even when the default is true.
 *
 * Methods that suspend wait for the service where memory has no answer, at most for the option `timeout`; as soon as the flags are in memory they return at once. Those
 * that end in `Now` never wait. [blocking] is for threads that may.
 */
public class FeatureFlagsClient private constructor(internal val native: NativeClient) : AutoCloseable {
    private val door = native.door().toLong()

    /** The same methods for callers who are no coroutines. */
    public val blocking: BlockingFeatureFlags = BlockingFeatureFlags(this)

    /** A client of the config service. Never blocks and never connects: the first use does. What is not given comes from the environment variables. */
    @JvmOverloads
    public constructor(options: Options = Options()) : this(native { NativeClient(options) })

    /** A client of the service at this address, for this environment. */
    @JvmOverloads
    public constructor(configServiceUrl: String, environment: String, options: Options = Options()) :
        this(options.copy(configServiceUrl = configServiceUrl, environment = environment))

    /** Is the flag on for this user? */
    @JvmOverloads
    public suspend fun isEnabled(flag: String, user: String?, default: Boolean = false): Boolean = when (look(flag, user, default)) {
        0 -> false
        1 -> true
        else -> one(flag, Context(user), Kind.BOOLEAN, default).value
    }

    /** Is the flag on for this context? */
    @JvmOverloads
    public suspend fun isEnabled(flag: String, context: Context, default: Boolean = false): Boolean = when (look(flag, context, default)) {
        0 -> false
        1 -> true
        else -> one(flag, context, Kind.BOOLEAN, default).value
    }

    /** Is the flag on, as far as memory knows? The default where only a wait could tell; the answer is then fetched for the next caller by [start]. */
    @JvmOverloads
    public fun isEnabledNow(flag: String, user: String?, default: Boolean = false): Boolean = now(look(flag, user, default), default)

    /** The same for a context. */
    @JvmOverloads
    public fun isEnabledNow(flag: String, context: Context, default: Boolean = false): Boolean = now(look(flag, context, default), default)

    /** Are these flags on? One entry per name that was asked, always, and one trip to the service at most. */
    @JvmOverloads
    public suspend fun batchEvaluate(flags: Collection<String>, user: String?, default: Boolean = false): Map<String, Boolean> =
        batchEvaluate(flags, Context(user), default)

    /** The same for a context. */
    @JvmOverloads
    public suspend fun batchEvaluate(flags: Collection<String>, context: Context, default: Boolean = false): Map<String, Boolean> {
        val names = flags.distinct()
        val answers = LinkedHashMap<String, Boolean>(names.size * 2)
        for (name in names) {
            val found = look(name, context, default)
            if (found == Door.PENDING) break
            answers[name] = found == 1
        }
        if (answers.size == names.size) return answers
        val found = native.batch(names, context.native, FlagType.BOOLEAN, default)
        return names.zip(found.map { evaluation(it, default, Kind.BOOLEAN.read).value }).toMap()
    }

    /**
     * The answer with all that is known about it. The value is a Boolean, Long, Double, String, List or Map, or [default]: that serves for a flag of another
     * [type] than was asked for, too.
     */
    @JvmOverloads
    public suspend fun evaluate(flag: String, context: Context, default: Any? = null, type: FlagType = FlagType.ANY): Evaluation<Any?> =
        one(flag, context, Kind.of(type), default)

    /** The same for a user. */
    @JvmOverloads
    public suspend fun evaluate(flag: String, user: String?, default: Any? = null, type: FlagType = FlagType.ANY): Evaluation<Any?> =
        evaluate(flag, Context(user), default, type)

    /** The answer as far as memory knows; null where only a wait could tell. */
    @JvmOverloads
    public fun evaluateNow(flag: String, context: Context, default: Any? = null, type: FlagType = FlagType.ANY): Evaluation<Any?>? =
        peek(flag, context, Kind.of(type), default)

    /** The text that the flag holds for this context; [default] if it holds another type. */
    public suspend fun getString(flag: String, context: Context, default: String): String =
        read(flag, context, Kind.STRING, default) { return one(flag, context, Kind.STRING, default).value }

    /** The whole number that the flag holds for this context; [default] if it holds another type, or a fraction. */
    public suspend fun getLong(flag: String, context: Context, default: Long): Long =
        read(flag, context, Kind.LONG, default) { return one(flag, context, Kind.LONG, default).value }

    /** The number that the flag holds for this context; [default] if it holds another type. */
    public suspend fun getDouble(flag: String, context: Context, default: Double): Double =
        read(flag, context, Kind.DOUBLE, default) { return one(flag, context, Kind.DOUBLE, default).value }

    /** What the flag holds for this context, as maps and lists; [default] if nobody can say. */
    public suspend fun getObject(flag: String, context: Context, default: Any?): Any? = one(flag, context, Kind.OBJECT, default).value

    /** The text, as far as memory knows. */
    public fun getStringNow(flag: String, context: Context, default: String): String =
        read(flag, context, Kind.STRING, default) { native.start().let { default } }

    /** The whole number, as far as memory knows. */
    public fun getLongNow(flag: String, context: Context, default: Long): Long =
        read(flag, context, Kind.LONG, default) { native.start().let { default } }

    /** The number, as far as memory knows. */
    public fun getDoubleNow(flag: String, context: Context, default: Double): Double =
        read(flag, context, Kind.DOUBLE, default) { native.start().let { default } }

    /** What the flag holds, as far as memory knows. */
    public fun getObjectNow(flag: String, context: Context, default: Any?): Any? = peek(flag, context, Kind.OBJECT, default).let { if (it == null) default else it.value }

    /** The answer and how it comes about; null where the service evaluates, or before the flags are there. Not counted as a check. */
    public fun explain(flag: String, context: Context): Explanation? = native.explain(flag, context.native)?.let {
        Explanation(evaluation(it.evaluation, null, Kind.ANY.read), it.steps.map { step -> plain(step) as Map<*, *> })
    }

    /** Changes from now on, as long as somebody collects. A collector that falls 1 000 behind loses the oldest: ask about your flags anew, do not count changes. */
    public val changes: Flow<Change> = callbackFlow {
        val id = native.onChange(object : ChangeListener {
            override fun changed(change: NativeChange) {
                trySend(change(change))
            }
        })
        awaitClose { native.removeListener(id) }
    }.buffer(1000, BufferOverflow.DROP_OLDEST)

    /** Begins to follow the service, if that has not begun; the first use that has to wait does it by itself. */
    public fun start(): FeatureFlagsClient = apply { native.start() }

    /**
     * Waits until the client answers from the flags, or knows that the service gives none.
     *
     * @throws FeatureFlagsException.Timeout with the last failure; the client goes on trying in the background.
     * @throws FeatureFlagsException.Closed for a closed client.
     */
    public suspend fun ready(timeout: Duration): FeatureFlagsClient = apply { native.ready(timeout.toDouble(DurationUnit.SECONDS)) }

    /** Waits until the flags have [version] or a later one. Throws as [ready]. */
    public suspend fun waitForVersion(version: Long, timeout: Duration): Unit = native.waitForVersion(version.toULong(), timeout.toDouble(DurationUnit.SECONDS))

    /** How the client is and what it has done: `status` (`not_ready`, `ready`, `stale`, `closed`), `checks`, `by_origin`, `version`, `age`, `failures`, `last_error`, … */
    public fun stats(): Map<String, Any?> = native.stats().mapValues { plain(it.value) }

    /** Which environment's flags these are. */
    public val environment: String get() = native.environment()

    /** Ends the background work and every wait. Bounded, and harmless when repeated. Checks go on to answer: with their default. */
    override fun close(): Unit = native.shutdown()

    private fun look(flag: String, user: String?, default: Boolean): Int = try {
        Door.look(door, 0, flag, user, default)
    } finally {
        Reference.reachabilityFence(this)
    }

    private fun look(flag: String, context: Context, default: Boolean): Int = try {
        Door.look(door, context.door, flag, null, default)
    } finally {
        Reference.reachabilityFence(context)
        Reference.reachabilityFence(this)
    }

    private fun now(found: Int, default: Boolean): Boolean {
        if (found != Door.PENDING) return found == 1
        native.start()
        return default
    }

    /** The value without the evaluation around it, which is what costs; [pending] where only a wait could tell. */
    private inline fun <T> read(flag: String, context: Context, kind: Kind<T>, default: T, pending: () -> T): T {
        val found = try {
            Door.value(door, context.door, flag, kind.wanted.ordinal)
        } finally {
            Reference.reachabilityFence(context)
            Reference.reachabilityFence(this)
        }
        return when {
            found == null -> pending()
            found.isEmpty() -> default
            else -> kind.parse(found.substring(1))
        }
    }

    private fun <T> peek(flag: String, context: Context, kind: Kind<T>, default: T): Evaluation<T>? {
        val found = native.peek(flag, context.native, kind.wanted, default as? Boolean)
        if (found == null) native.start()
        return found?.let { evaluation(it, default, kind.read) }
    }

    private suspend fun <T> one(flag: String, context: Context, kind: Kind<T>, default: T): Evaluation<T> {
        val found = native.peek(flag, context.native, kind.wanted, default as? Boolean)
            ?: native.batch(listOf(flag), context.native, kind.wanted, default as? Boolean).single()
        return evaluation(found, default, kind.read)
    }

    public companion object {
        /** A client of the service that the environment variables name: `CONFIG_SERVICE_URL`, `ENVIRONMENT`, `REDIS_URL`, … */
        @JvmStatic
        public fun fromEnv(): FeatureFlagsClient = FeatureFlagsClient(Options())

        /** A client that lives on a file, which is watched: YAML, JSON or TOML by its ending, in our flag format (`native`) or a vendor's. */
        @JvmStatic
        @JvmOverloads
        public fun fromFile(path: String, format: String = "native", options: Options = Options()): FeatureFlagsClient =
            FeatureFlagsClient(native { openFile(path, format, options) })

        /** A client that lives on a flag document. */
        @JvmStatic
        @JvmOverloads
        public fun fromMap(document: Map<String, Any?>, options: Options = Options()): FeatureFlagsClient =
            FeatureFlagsClient(options.copy(bootstrap = native(document, "document")))

        /** A client that lives on a flag document: a JSON text. */
        @JvmStatic
        @JvmOverloads
        public fun fromJson(document: String, options: Options = Options()): FeatureFlagsClient =
            FeatureFlagsClient(native { openJson(document, options) })

        internal fun of(native: NativeClient): FeatureFlagsClient = FeatureFlagsClient(native)

        internal inline fun native(make: () -> NativeClient): NativeClient {
            Door.open()
            return make()
        }
    }
}
