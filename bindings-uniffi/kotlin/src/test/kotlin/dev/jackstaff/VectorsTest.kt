package dev.jackstaff

import com.fasterxml.jackson.databind.JsonNode
import kotlin.io.path.listDirectoryEntries
import kotlin.io.path.readText
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** The vectors that every language runs. */
class VectorsTest {
    @Test
    fun `vectors`() {
        var count = 0
        for (file in root.resolve("tests/vectors").listDirectoryEntries("*.json").sorted()) {
            val all = json.readTree(file.readText())
            FeatureFlagsClient.fromJson((all["document"] ?: all["ruleset"]).toString(), Options(environment = all["environment"].asText())).use { client ->
                for (case in all["cases"]) {
                    run(client, case, "${all["name"].asText()}: ${case["says"].asText()}")
                    count++
                }
            }
        }
        println("vectors: $count of $count passed in Kotlin")
        assertTrue(count >= 150, "only $count vectors")
    }

    private fun run(client: FeatureFlagsClient, case: JsonNode, says: String) {
        val flag = case["flag"].asText()
        val attributes = case["context"]["attributes"]?.let { json.convertValue(it, Map::class.java) }.orEmpty().mapKeys { it.key.toString() }
        val who = Context(case["context"]["user_id"]?.asText(), attributes)
        val default = case["default"]?.let { json.convertValue(it, Any::class.java) }
        val kind = kinds.getValue(case["type"]?.asText() ?: "any")
        client.start() // puts the document in place, so that what is known at once can be asked at once
        val waited = runBlocking { client.native.batch(listOf(flag), who.native, kind.wanted, default as? Boolean) }.single()
        for (found in listOf(client.native.peek(flag, who.native, kind.wanted, default as? Boolean)!!, waited)) {
            check(evaluation(found, default, kind.read), case["expect"], says)
        }
        val value = case["expect"]["value"]
        fun same(what: String, got: Any?) = assertEquals(plain(value), plain(json.valueToTree(got)), "$says: $what")
        runBlocking {
            when (case["type"]?.asText()) {
                "boolean" -> {
                    val on = default as? Boolean ?: false
                    same("isEnabled", client.isEnabled(flag, who, on))
                    same("isEnabledNow", client.isEnabledNow(flag, who, on))
                    same("batchEvaluate", client.batchEvaluate(listOf(flag), who, on)[flag])
                    same("blocking", client.blocking.isEnabled(flag, who, on))
                    if (attributes.isEmpty()) same("by user", client.isEnabled(flag, who.user, on))
                }
                "string" -> if (default is String) same("getString", client.getString(flag, who, default))
                "integer" -> if (default is Number) same("getLong", client.getLong(flag, who, default.toLong()))
                "double" -> if (default is Number) same("getDouble", client.getDouble(flag, who, default.toDouble()))
                "json" -> same("getObject", client.getObject(flag, who, default))
            }
        }
    }

    private fun check(found: Evaluation<Any?>, expect: JsonNode, says: String) {
        val got = mapOf(
            "value" to found.value, "enabled" to found.enabled, "variant" to found.variant, "reason" to found.reason.word, "rule" to found.rule, "error" to found.error,
        )
        for ((name, value) in got) {
            if (name == "rule" || name == "error" || expect.has(name)) {
                assertEquals(plain(expect[name]), plain(json.valueToTree(value)), "$says: $name")
            }
        }
    }

    /** A JSON value whose numbers are equal if they are the same number. */
    private fun plain(node: JsonNode?): Any? = when {
        node == null || node.isNull -> null
        node.isNumber -> node.decimalValue().stripTrailingZeros()
        node.isArray -> node.map(::plain)
        node.isObject -> node.fields().asSequence().associate { it.key to plain(it.value) }
        else -> node.asText()
    }

    private val kinds: Map<String, Kind<out Any?>> =
        mapOf("any" to Kind.ANY, "boolean" to Kind.BOOLEAN, "string" to Kind.STRING, "integer" to Kind.LONG, "double" to Kind.DOUBLE, "json" to Kind.OBJECT)
}
