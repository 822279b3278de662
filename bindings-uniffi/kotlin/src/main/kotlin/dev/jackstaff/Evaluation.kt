package dev.jackstaff

import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds

/** Why an answer is what it is. The last four mean that the caller's default was served. */
public enum class Reason {
    USER_TARGETED, RULE_MATCHED, ROLLOUT, FALLTHROUGH, DISABLED, PREREQUISITE_FAILED, FLAG_NOT_FOUND, TYPE_MISMATCH, NOT_READY, ERROR;

    /** The word for it in every language. */
    public val word: String = name.lowercase()
}

/** Where an answer came from. */
public enum class Origin {
    LOCAL, MEMORY, REDIS, REMOTE, DEFAULT;

    /** The word for it in every language. */
    public val word: String = name.lowercase()
}

/** The answer to a check, with all that is known about it. */
public data class Evaluation<out T>(
    /** The flag that was asked about. */
    val flag: String,
    /** The variant's value, or the very default that was given. */
    val value: T,
    /** For a boolean flag the value itself; for others: on, and not its off variant. */
    val enabled: Boolean,
    /** The variant; null if the default was served. */
    val variant: String?,
    val reason: Reason,
    val origin: Origin,
    /** The version of the last change that could have altered this answer; 0 if the source has none. */
    val version: Long,
    /** The life of the store that [version] belongs to; empty if the source has none. */
    val epoch: String,
    /** How long ago the answer was evaluated or, for a local one, known to be current. */
    val age: Duration,
    /** The rule that decided. */
    val rule: String?,
    /** What was wrong: `malformed_flag`, `cycle`, `targeting_key_missing`, … */
    val error: String?,
)

/** An answer and how it comes about: [steps] are maps whose `step` says which kind. */
public data class Explanation(val evaluation: Evaluation<Any?>, val steps: List<Map<*, *>>)

/** What changed: an environment went from one version to a later one. */
public data class Change(
    val environment: String,
    /** The life of the store that the versions belong to. Another epoch means: start over. */
    val epoch: String,
    /** The version that the environment has now. */
    val version: Long,
    /** The flags whose answers can have changed; empty means any of them. */
    val flags: List<String>,
)

/** The answer with its value as [read] reads it; [default] where the core served that. */
internal inline fun <T> evaluation(found: NativeEvaluation, default: T, read: (NativeValue) -> T): Evaluation<T> = Evaluation(
    flag = found.flag,
    value = found.value?.let(read) ?: default,
    enabled = if (found.value == null && default is Boolean && found.origin == "default") default else found.enabled,
    variant = found.variant,
    reason = Reason.valueOf(found.reason.uppercase()),
    origin = Origin.valueOf(found.origin.uppercase()),
    version = found.version.toLong(),
    epoch = found.epoch,
    age = found.age.seconds,
    rule = found.rule,
    error = found.error,
)

internal fun change(found: NativeChange): Change = Change(found.environment, found.epoch, found.version.toLong(), found.flags)
