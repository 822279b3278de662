package dev.jackstaff

import java.nio.file.Files
import java.util.concurrent.atomic.AtomicBoolean
import java.util.concurrent.atomic.AtomicLong
import kotlin.concurrent.thread
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class ClientTest {
    private val u1 = Context("u1")

    @Test
    fun `typed getters check the type`() = local().use { client ->
        runBlocking {
            assertEquals("dark", client.getString("theme", u1, "light"))
            assertEquals("light", client.getString("limit", u1, "light"))
            assertEquals(20, client.getLong("limit", u1, 1))
            assertEquals(20.0, client.getDouble("limit", u1, 1.0))
            assertEquals(0.5, client.getDouble("ratio", u1, 1.0))
            assertEquals(1, client.getLong("ratio", u1, 1))
            assertEquals(mapOf("columns" to 3L, "names" to listOf("a", "b")), client.getObject("layout", u1, null))
            assertEquals(mapOf("new_ui" to true, "dark_mode" to false, "none" to true), client.batchEvaluate(listOf("new_ui", "dark_mode", "none", "new_ui"), "u1", true))
        }
        assertEquals("dark", client.getStringNow("theme", u1, "light"))
        assertEquals(20, client.getLongNow("limit", u1, 1))
        assertEquals(0.5, client.getDoubleNow("ratio", u1, 1.0))
        assertEquals("x", client.getObjectNow("none", u1, "x"))
        assertEquals("dark", client.blocking.getString("theme", u1, "light"))
    }

    @Test
    fun `an evaluation tells all that is known, and an explanation how it came about`() = local().use { client ->
        val pro = Context("u1", mapOf("plan" to "pro", "since" to java.time.LocalDate.of(2024, 1, 1), "tags" to listOf(1, 2.5, null)))
        val found = client.blocking.evaluate("beta", pro)
        assertEquals(listOf(true, true, "on", Reason.RULE_MATCHED, Origin.LOCAL, "pros", null), listOf(found.value, found.enabled, found.variant, found.reason, found.origin, found.rule, found.error))
        val unknown = client.evaluateNow("none", pro, "mine")!!
        assertEquals(listOf("mine", false, null, Reason.FLAG_NOT_FOUND, Origin.DEFAULT), listOf(unknown.value, unknown.enabled, unknown.variant, unknown.reason, unknown.origin))
        val explained = client.explain("beta", pro)!!
        assertEquals(true, explained.evaluation.value)
        assertTrue(explained.steps.any { it["step"] == "condition" }, "${explained.steps}")
    }

    @Test
    fun `texts of any length and of any script are told apart`() {
        val long = "x".repeat(500)
        MockFeatureFlags(mapOf("f" to mapOf("value" to false, "users" to mapOf(long to true, "ключ" to true, "😀" to true, "" to true, "a\u0000b" to true)))).use { mock ->
            for (user in listOf(long, "ключ", "😀", "", "a\u0000b")) assertTrue(mock.client.isEnabledNow("f", user), user)
            for (user in listOf(long.drop(1), long + "x", "ключи", "😁", "a", "\ud83d", null)) assertFalse(mock.client.isEnabledNow("f", user), "$user")
            assertTrue(mock.client.isEnabledNow("f", "y".repeat(100_000), true), "too long to be a user: the default")
            assertEquals(listOf(long, "ключ"), mock.checks.take(2).map { it.user })
        }
    }

    @Test
    fun `what cannot be used is refused with a word`() {
        val refused = assertThrows(FeatureFlagsException.InvalidArgument::class.java) { FeatureFlagsClient("ftp://x", "test") }
        assertTrue("config_service_url" in refused.message!!, refused.message)
        assertThrows(FeatureFlagsException.InvalidArgument::class.java) { FeatureFlagsClient("http://x", "test", Options(cacheTtl = -1.0)) }
        assertThrows(FeatureFlagsException.InvalidArgument::class.java) { FeatureFlagsClient("http://x", "test", Options(timeout = Double.NaN)) }
        assertThrows(FeatureFlagsException.InvalidArgument::class.java) { FeatureFlagsClient.fromJson("{") }
        assertThrows(FeatureFlagsException.InvalidArgument::class.java) { Context("u", mapOf("a" to Any())) }
        assertThrows(FeatureFlagsException.InvalidArgument::class.java) { Context("x".repeat(70_000)) }
        assertThrows(FeatureFlagsException::class.java) { MockFeatureFlags(mapOf("f" to mapOf("rules" to 1))) }
        assertThrows(FeatureFlagsException.InvalidArgument::class.java) { runBlocking { local().use { it.ready((-1).seconds) } } }
    }

    @Test
    fun `flags from files and maps`() {
        val file = Files.createTempFile("flags", ".json").also { Files.writeString(it, DOCUMENT) }
        FeatureFlagsClient.fromFile("$file", options = Options(environment = "test")).use { assertTrue(it.blocking.isEnabled("new_ui", "u1")) }
        FeatureFlagsClient.fromMap(mapOf("flags" to mapOf("f" to mapOf("fallthrough" to "on")))).use { assertTrue(it.blocking.isEnabled("f", "u1")) }
    }

    @Test
    fun `a closed client serves defaults and ends every wait`() {
        val client = local()
        client.close()
        client.close()
        assertTrue(client.blocking.isEnabled("none", "u1", true))
        assertThrows(FeatureFlagsException.Closed::class.java) { client.blocking.ready(5.seconds) }
        assertEquals("closed", client.stats()["status"])
        val waiting = FeatureFlagsClient("http://127.0.0.1:9", "test")
        runBlocking(Dispatchers.Default) {
            val wait = async { runCatching { waiting.ready(600.seconds) } }
            waiting.close()
            assertTrue(withTimeout(20.seconds) { wait.await() }.exceptionOrNull() is FeatureFlagsException.Closed)
        }
        val never = FeatureFlagsClient("http://127.0.0.1:9", "test")
        never.use { assertThrows(FeatureFlagsException.Timeout::class.java) { it.blocking.ready(50.milliseconds) } }
    }

    @Test
    fun `a change reaches the client through the real service`() = Service().use { service ->
        FeatureFlagsClient(service.url, "production").use { client ->
            runBlocking(Dispatchers.Default) {
                client.ready(20.seconds)
                assertTrue(client.isEnabled("new_ui", "user123"))
                val heard = async(start = CoroutineStart.UNDISPATCHED) { client.changes.first { it.flags.isEmpty() || "new_ui" in it.flags } } // none means any: the stream may not have been there yet
                within("the listener is there") { client.stats()["listeners"] == 1L }
                val version = service.patch("new_ui", """{"enabled": false}""")
                client.waitForVersion(version, 20.seconds)
                assertFalse(client.isEnabledNow("new_ui", "user123", true))
                assertEquals(version, withTimeout(20.seconds) { heard.await() }.version)
                val found = client.evaluate("new_ui", "user123")
                assertEquals(listOf(Reason.DISABLED, Origin.LOCAL), listOf(found.reason, found.origin))
                within("nobody listens") { client.stats()["listeners"] == 0L }
            }
        }
    }

    @Test
    fun `checks go on in many threads while flags change`() = MockFeatureFlags(mapOf("f" to true)).use { mock ->
        val stop = AtomicBoolean()
        val checks = AtomicLong()
        val threads = List(8) {
            thread {
                while (!stop.get()) {
                    mock.client.isEnabledNow("f", "u$it")
                    mock.client.evaluateNow("f", u1)!!
                    checks.incrementAndGet()
                }
            }
        }
        repeat(50) { mock.set(mapOf("f" to (it % 2 == 0))) }
        within("checks") { checks.get() > 2_000 }
        stop.set(true)
        threads.forEach { it.join() }
        assertFalse(mock.client.isEnabledNow("f", "u"))
    }

    // In a frame of its own, where nothing keeps what is left over.
    private fun dropped() = java.lang.ref.WeakReference(local().also { it.isEnabledNow("new_ui", "u1") })

    @Test
    fun `a client that nobody holds is collected`() {
        val before = dropped()
        within("collected") {
            System.gc()
            before.get() == null
        }
        assertNull(before.get())
        // And one that is in use is not, however hard the collector tries.
        repeat(200) {
            assertTrue(local().start().isEnabledNow("new_ui", "u$it"))
            if (it % 50 == 0) System.gc()
        }
    }

    @Test
    fun `a listener that throws harms nobody`() = MockFeatureFlags(mapOf("f" to true)).use { mock ->
        val heard = Channel<Change>(Channel.UNLIMITED)
        mock.client.native.onChange(object : ChangeListener {
            override fun changed(change: NativeChange): Unit = error("on purpose")
        })
        runBlocking(Dispatchers.Default) {
            val collector = launch(start = CoroutineStart.UNDISPATCHED) { mock.client.changes.collect { heard.send(it) } }
            within("the listener is there") { mock.client.stats()["listeners"] == 2L }
            mock.set(mapOf("f" to false))
            withTimeout(20.seconds) { heard.receive() }
            collector.cancel()
        }
        assertFalse(mock.client.isEnabledNow("f", "u", true))
    }
}
