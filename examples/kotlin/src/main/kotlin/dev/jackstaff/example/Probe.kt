// Answers questions about flags on standard input, one JSON object a line: what the demo and the end-to-end tests ask every language. See examples/rust/src/probe.rs.
package dev.jackstaff.example

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.ObjectMapper
import dev.jackstaff.Context
import dev.jackstaff.Evaluation
import dev.jackstaff.FeatureFlagsClient
import dev.jackstaff.FlagType
import dev.jackstaff.KafkaOptions
import dev.jackstaff.Options
import kotlin.time.Duration.Companion.seconds
import kotlin.time.DurationUnit
import kotlinx.coroutines.runBlocking

private val json = ObjectMapper()
private var open: FeatureFlagsClient? = null

fun main() {
    generateSequence(::readLine).forEach { line ->
        val answer = runCatching { answer(json.readTree(line)) }.getOrElse { mapOf("error" to "$it") }
        println(json.writeValueAsString(answer))
    }
    // The client is left open: the process has to end all the same.
}

private fun answer(question: JsonNode): Any? {
    if (question["do"].asText() == "open") {
        open = FeatureFlagsClient(options(question["options"])).also { it.blocking.ready(10.seconds) }
        return mapOf("ready" to true)
    }
    val client = checkNotNull(open) { "open a client first" }
    val flag = question["flag"]?.asText().orEmpty()
    val who = Context(question["user_id"]?.takeUnless { it.isNull }?.asText(), plain(question["attributes"]) as? Map<String, Any?> ?: emptyMap())
    return when (val what = question["do"].asText()) {
        "evaluate" -> evaluate(client, flag, who, question)
        "batch" -> client.blocking.batchEvaluate(question["flags"].map { it.asText() }, who)
        "watch" -> watch(client, flag, who, question["until"].asBoolean())
        "stats" -> client.stats()
        else -> error("cannot do $what")
    }
}

private fun watch(client: FeatureFlagsClient, flag: String, who: Context, until: Boolean): Map<String, Any?> {
    val end = System.nanoTime() + 20_000_000_000
    while (client.isEnabledNow(flag, who, !until) != until) {
        check(System.nanoTime() < end) { "the change did not arrive" }
        Thread.sleep(0, 200_000)
    }
    val now = java.time.Instant.now()
    return mapOf("at" to now.epochSecond * 1e3 + now.nano / 1e6, "version" to client.stats()["version"])
}

private fun evaluate(client: FeatureFlagsClient, flag: String, who: Context, question: JsonNode): Map<String, Any?> = runBlocking {
    val default = plain(question["default"])
    val found = client.evaluate(flag, who, default, FlagType.valueOf(question["type"].asText().uppercase()))
    // What the question is asked with is what is timed: isEnabledNow for a boolean flag, the typed getter for others.
    val user = who.user.takeUnless { question["attributes"]?.isObject == true }
    val (value, call) = when (question["type"].asText()) {
        "boolean" -> client.isEnabled(flag, who, default == true) to
            if (user != null) ({ client.isEnabledNow(flag, user) }) else ({ client.isEnabledNow(flag, who) })
        "string" -> client.getString(flag, who, "$default") to { client.getStringNow(flag, who, "") }
        "integer" -> client.getLong(flag, who, (default as Number).toLong()) to { client.getLongNow(flag, who, 0) }
        "double" -> client.getDouble(flag, who, (default as Number).toDouble()) to { client.getDoubleNow(flag, who, 0.0) }
        else -> client.getObject(flag, who, default) to { client.getObjectNow(flag, who, null) }
    }
    shown(found) + mapOf("value" to value, "ns" to nanoseconds(call))
}

private fun shown(found: Evaluation<Any?>): Map<String, Any?> = mapOf(
    "flag" to found.flag, "enabled" to found.enabled, "variant" to found.variant, "reason" to found.reason.word, "origin" to found.origin.word,
    "version" to found.version, "epoch" to found.epoch, "age" to found.age.toDouble(DurationUnit.SECONDS), "rule" to found.rule, "error" to found.error,
)

private fun nanoseconds(call: () -> Any?, calls: Int = 20_000, rounds: Int = 5): Double = (1..rounds).minOf {
    val begun = System.nanoTime()
    var made = 0
    // What is slow need not be asked as often to be timed.
    while (made < calls && System.nanoTime() - begun < 50_000_000) {
        repeat(20) { call() }
        made += 20
    }
    (System.nanoTime() - begun).toDouble() / made
}

private fun options(given: JsonNode): Options {
    fun text(name: String) = given[name]?.asText()
    fun number(name: String) = given[name]?.asDouble()
    val known = setOf(
        "config_service_url", "environment", "cache_ttl", "local_ttl", "redis_url", "redis_updates", "redis_secret", "kafka", "evaluation", "timeout", "poll_interval", "stream", "api_key",
    )
    given.fieldNames().forEach { require(it in known) { "this probe knows no option $it" } }
    return Options(
        configServiceUrl = text("config_service_url"), environment = text("environment"), cacheTtl = number("cache_ttl"), localTtl = number("local_ttl"),
        redisUrl = text("redis_url"), redisUpdates = given["redis_updates"]?.asBoolean(), redisSecret = text("redis_secret"), kafka = text("kafka")?.let { KafkaOptions(it) },
        evaluation = text("evaluation"), timeout = number("timeout"), pollInterval = number("poll_interval"), stream = given["stream"]?.asBoolean(), apiKey = text("api_key"),
    )
}

private fun plain(node: JsonNode?): Any? = if (node == null) null else json.convertValue(node, Any::class.java)
