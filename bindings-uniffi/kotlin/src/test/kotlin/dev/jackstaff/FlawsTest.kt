package dev.jackstaff

import java.util.concurrent.CountDownLatch
import java.util.concurrent.TimeUnit
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** The flaws of the guide's own samples, by their numbers: our client must not have them. */
@Suppress("ktlint:standard:function-naming")
class FlawsTest {
    private val on = """{"enabled":true}"""
    private val off = """{"enabled":false}"""

    @Test
    fun guide_flaw_01_a_disabled_flag_is_off_though_the_default_is_true() {
        remote(guide("new_ui" to off, "beta" to off)) { client, _ ->
            assertFalse(client.blocking.isEnabled("new_ui", "u1", true))
            assertEquals(mapOf("new_ui" to false, "beta" to false), client.blocking.batchEvaluate(listOf("new_ui", "beta"), "u1", true))
        }
        local().use { assertFalse(it.blocking.isEnabled("dark_mode", "u1", true)) }
    }

    @Test
    fun guide_flaw_02_the_default_of_one_caller_is_not_kept_for_the_next() = remote(guide("new_ui" to off)) { client, _ ->
        for (default in listOf(true, false)) {
            assertFalse(client.blocking.isEnabled("new_ui", "u1", default))
            assertEquals(default, client.blocking.isEnabled("unknown", "u1", default))
        }
    }

    @Test
    fun guide_flaw_03_to_06_what_is_no_answer_is_the_default_and_is_not_kept() = remote(say("{}"), patient) { client, service ->
        val bodies = listOf("{}", """{"enabled":null}""", """{"enabled":"false"}""", """{"enabled":"true"}""", """{"enabled":1}""", """{"enabled":[]}""", "[]", """{"enabled":tru""", "")
        for (reply in bodies.map { Reply(200, it) } + Reply(200, "<html>Please log in</html>", "text/html")) {
            service.answer = { reply }
            for (default in listOf(true, false)) {
                assertEquals(default, client.blocking.isEnabled("new_ui", "u1", default), reply.body)
                assertEquals(mapOf("new_ui" to default, "other" to default), client.blocking.batchEvaluate(listOf("new_ui", "other"), "u2", default), reply.body)
            }
        }
        service.answer = guide("new_ui" to on)
        assertTrue(client.blocking.isEnabled("new_ui", "u1"), "nothing was kept")
    }

    @Test
    fun guide_flaw_07_an_answer_belongs_to_the_attributes_it_was_asked_with() =
        remote({ Reply(200, """{"enabled":${it.question["context"]?.get("plan")?.asText() == "pro"}}""") }) { client, service ->
            repeat(2) {
                for (plan in listOf("free", "pro")) assertEquals(plan == "pro", client.blocking.isEnabled("beta", Context("u1", mapOf("plan" to plan)), plan != "pro"))
            }
            assertEquals(2, service.asked.size)
        }

    @Test
    fun guide_flaw_08_a_colon_in_a_flag_or_a_user_confuses_nothing() = remote({ Reply(200, """{"enabled":${it.question["user_id"].asText() == "c"}}""") }) { client, _ ->
        assertFalse(client.blocking.isEnabled("a", "b:c"))
        assertTrue(client.blocking.isEnabled("a:b", "c"))
        assertFalse(client.blocking.isEnabled("a", "b:c", true))
    }

    @Test
    fun guide_flaw_09_more_than_booleans_and_always_a_reason() =
        remote(guide("theme" to """{"enabled":true,"value":"dark","variant":"dark","reason":"user_targeted","version":7,"epoch":"e"}""")) { client, _ ->
            val who = Context("u1")
            assertEquals("dark", client.blocking.getString("theme", who, "light"))
            val found = client.blocking.evaluate("theme", who, "light")
            assertEquals(listOf("dark", "dark", Reason.USER_TARGETED, Origin.MEMORY, 7L, "e"), found.run { listOf(value, variant, reason, origin, version, epoch) })
            assertEquals(Reason.FLAG_NOT_FOUND, client.blocking.evaluate("unknown", who).reason)
        }

    @Test
    fun guide_flaw_10_to_12_a_batch_has_an_entry_for_each_name_whatever_the_service_says() = remote(guide(), patient.copy(cacheTtl = 0.0)) { client, service ->
        for (status in listOf(401, 403, 404, 429, 500, 503)) {
            service.answer = { Reply(status, "{}") }
            assertEquals(mapOf("a" to true, "b" to true), client.blocking.batchEvaluate(listOf("a", "b"), "u1", true), "$status")
        }
        service.answer = guide("a" to off)
        assertEquals(mapOf("a" to false, "b" to true), client.blocking.batchEvaluate(listOf("a", "b"), "u1", true))
    }

    @Test
    fun guide_flaw_13_and_15_the_user_is_in_the_body_and_never_in_the_address() = remote(guide("a" to on, "b" to on)) { client, service ->
        val user = "u&environment=production#x"
        client.blocking.batchEvaluate(listOf("a", "b"), user)
        client.blocking.isEnabled("a", user + "2")
        assertEquals(2, service.asked.size)
        for (asked in service.asked) {
            assertFalse("production" in asked.address, asked.address)
            assertTrue(asked.question["user_id"].asText().startsWith(user))
            assertEquals("test", asked.question["environment"].asText())
        }
    }

    @Test
    fun guide_flaw_14_a_batch_is_one_trip_and_brings_what_was_asked() =
        remote({ asked -> Reply(200, (asked.question["flag_names"].map { it.asText() } + "extra").joinToString(",", "{", "}") { "\"$it\":$on" }) }) { client, service ->
            val names = List(50) { "flag_${it % 25}" }
            assertEquals(names.toSet(), client.blocking.batchEvaluate(names, "u1").keys)
            assertEquals(25, service.asked.single().question["flag_names"].size())
        }

    @Test
    fun guide_flaw_21_many_checks_of_one_thing_are_one_trip() {
        val release = CountDownLatch(1)
        remote({ release.await(20, TimeUnit.SECONDS); Reply(200, on) }, Options(timeout = 20.0)) { client, service ->
            runBlocking(Dispatchers.Default) {
                val answers = List(200) { async { client.isEnabled("new_ui", "u1") } }
                within("the trip is under way") { service.asked.isNotEmpty() }
                Thread.sleep(50) // most are waiting by now; whoever comes later finds the answer
                release.countDown()
                assertTrue(answers.awaitAll().all { it })
            }
            assertEquals(1, service.asked.size)
        }
    }

    @Test
    fun guide_flaw_22_when_the_service_fails_its_last_answer_stays() = remote(guide("new_ui" to on), Options(localTtl = 0.05)) { client, service ->
        assertTrue(client.blocking.isEnabled("new_ui", "u1"))
        Thread.sleep(80)
        service.answer = { Reply(503, "down", "text/plain") }
        val found = client.blocking.evaluate("new_ui", Context("u1"), false)
        assertEquals(listOf(true, Origin.MEMORY), listOf(found.value, found.origin))
        assertTrue(found.age >= 50.milliseconds, "${found.age}")
    }

    @Test
    fun guide_flaw_29_a_time_to_live_of_0_means_no_cache() = remote(guide("new_ui" to on), Options(cacheTtl = 0.0)) { client, service ->
        repeat(3) { assertTrue(client.blocking.isEnabled("new_ui", "u1")) }
        assertEquals(3, service.asked.size)
    }

    @Test
    fun guide_flaw_34_answers_are_kept_in_the_process() = remote(guide("new_ui" to on)) { client, service ->
        repeat(20) { assertTrue(client.blocking.isEnabled("new_ui", "u1")) }
        assertEquals(1, service.asked.size)
        assertTrue(client.isEnabledNow("new_ui", "u1"), "and memory says it at once")
    }

    @Test
    fun guide_flaw_37_a_service_that_hangs_costs_one_deadline() {
        val end = CountDownLatch(1)
        remote({ end.await(20, TimeUnit.SECONDS); null }, Options(timeout = 0.3)) { client, _ ->
            val begun = System.nanoTime()
            assertTrue(client.blocking.isEnabled("a", "u1", true))
            assertEquals(mapOf("c" to true, "d" to true), client.blocking.batchEvaluate(listOf("c", "d"), "u1", true))
            val took = (System.nanoTime() - begun) / 1_000_000
            assertTrue(took in 290..10_000, "$took ms")
            end.countDown()
        }
    }

    @Test
    fun guide_flaw_42_an_outage_does_not_look_like_flags_that_are_off() = remote({ Reply(503, "down", "text/plain") }, patient) { client, service ->
        val found = client.blocking.evaluate("new_ui", Context("u1"), false)
        assertEquals(listOf(Reason.ERROR, Origin.DEFAULT), listOf(found.reason, found.origin))
        assertEquals("stale", client.stats()["status"])
        assertTrue(client.stats()["last_error"] != null)
        service.answer = guide("new_ui" to off)
        assertEquals(false, client.blocking.evaluate("new_ui", Context("u1"), true).value)
        assertEquals("ready", client.stats()["status"])
    }

    @Test
    fun guide_flaw_51_the_key_is_sent_and_is_in_no_message() = remote(guide("new_ui" to on), Options(apiKey = "secret-key")) { client, service ->
        client.blocking.isEnabled("new_ui", "u1")
        assertEquals("Bearer secret-key", service.asked.first().key)
        val refused = assertThrows(FeatureFlagsException.InvalidArgument::class.java) { FeatureFlagsClient("http://x", "test", Options(apiKey = "secret\nkey")) }
        assertFalse("secret" in refused.message!!)
    }

    @Test
    fun guide_flaw_52_and_65_no_environment_or_no_address_is_an_error_and_not_development() {
        val nameless = assertThrows(FeatureFlagsException.InvalidArgument::class.java) { FeatureFlagsClient(Options(configServiceUrl = "http://x")) }
        assertTrue("environment is not set" in nameless.message!!, nameless.message)
        val homeless = assertThrows(FeatureFlagsException.InvalidArgument::class.java) { FeatureFlagsClient(Options(environment = "test")) }
        assertTrue("config_service_url is not set" in homeless.message!!, homeless.message)
    }

    @Test
    fun guide_flaw_54_what_is_shown_of_a_context_is_not_the_user() {
        assertFalse("somebody" in Context("somebody@example.org", mapOf("email" to "somebody@example.org")).toString())
    }

    @Test
    fun guide_flaw_56_what_is_kept_is_bounded() = MockFeatureFlags(mapOf("new_ui" to true)).use { mock ->
        repeat(10_100) { mock.client.isEnabledNow("new_ui", "u$it") }
        assertEquals(listOf(10_000, "u100"), listOf(mock.checks.size, mock.checks.first().user))
    }

    @Test
    fun guide_flaw_57_and_58_one_client_serves_any_number_of_threads_and_dispatchers() = remote(guide("new_ui" to on), Options(cacheTtl = 0.0)) { client, _ ->
        for (dispatcher in listOf(Dispatchers.Default, Dispatchers.IO)) {
            runBlocking(dispatcher) { assertTrue(List(20) { async { client.isEnabled("new_ui", "u$it") } }.awaitAll().all { it }) }
        }
    }

    @Test
    fun guide_flaw_60_flags_can_be_there_before_the_first_check() {
        val document = json.convertValue(json.readTree(DOCUMENT), Map::class.java).mapKeys { it.key.toString() }
        FeatureFlagsClient("http://127.0.0.1:9", "test", Options(bootstrap = native(document, "bootstrap"))).use {
            assertTrue(it.blocking.isEnabled("new_ui", "u1"))
            it.blocking.ready(20.seconds)
        }
    }

    @Test
    fun guide_flaw_62_to_64_the_mock_is_the_real_client() = MockFeatureFlags(mapOf("new_ui" to mapOf("value" to false, "users" to mapOf("u1" to true)))).use { mock ->
        val client: FeatureFlagsClient = mock.client // what the code under test takes
        assertEquals(mapOf("new_ui" to true, "other" to false), client.blocking.batchEvaluate(listOf("new_ui", "other"), "u1"))
        assertFalse(client.blocking.isEnabled("new_ui", "u2", true))
        assertEquals(Check("new_ui", "u1", true), mock.checks.first())
    }

    @Test
    fun guide_flaw_68_the_words_are_those_of_the_core() {
        val words = json.readTree(root.resolve("tests/vectors").toFile().listFiles { file -> file.name.endsWith(".json") }!!.first())["cases"].map { it["expect"]["reason"].asText() }
        assertTrue(words.all { word -> Reason.entries.any { it.word == word } }, "$words")
        assertEquals(setOf("local", "memory", "redis", "remote", "default"), Origin.entries.map { it.word }.toSet())
    }

    @Test
    fun `a service that answers anything at all never makes a check fail`() {
        val replies = listOf(Reply(200, "null"), Reply(200, "\"x\""), Reply(200, "x".repeat(1_000_000), "text/plain"), Reply(204, ""), Reply(301, "", "text/plain"), null)
        for (reply in replies) {
            remote({ reply }, patient) { client, _ ->
                for (default in listOf(true, false)) {
                    assertEquals(default, client.blocking.isEnabled("new_ui", "u1", default))
                    assertEquals(default, client.blocking.evaluate("new_ui", Context("u1"), default).value)
                }
                assertEquals("x", client.blocking.getString("new_ui", Context("u1"), "x"))
            }
        }
    }
}
