package dev.jackstaff

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.ObjectMapper
import com.sun.net.httpserver.HttpExchange
import com.sun.net.httpserver.HttpServer
import java.net.InetSocketAddress
import java.net.URI
import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpResponse
import java.nio.file.Files
import java.nio.file.Path
import java.util.concurrent.CopyOnWriteArrayList
import java.util.concurrent.Executors
import kotlin.io.path.exists
import org.junit.jupiter.api.Assumptions.assumeTrue

val json = ObjectMapper()
val root: Path = Path.of("../..").toAbsolutePath().normalize()

/** A document of flags of every type. */
const val DOCUMENT = """{"environments": ["test"], "flags": {
    "new_ui": {"type": "boolean", "fallthrough": "on"},
    "dark_mode": {"type": "boolean", "enabled": false, "fallthrough": "on"},
    "beta": {"type": "boolean", "fallthrough": "off", "rules": [{"name": "pros", "when": {"attribute": "plan", "equals": "pro"}, "serve": "on"}]},
    "theme": {"type": "string", "variants": {"light": "light", "dark": "dark"}, "fallthrough": "dark"},
    "limit": {"type": "integer", "variants": {"few": 20}, "fallthrough": "few"},
    "ratio": {"type": "double", "variants": {"half": 0.5}, "fallthrough": "half"},
    "layout": {"type": "json", "variants": {"grid": {"columns": 3, "names": ["a", "b"]}}, "fallthrough": "grid"}
}}"""

fun local(): FeatureFlagsClient = FeatureFlagsClient.fromJson(DOCUMENT, Options(environment = "test"))

/** Waits for something that happens soon, however slow the machine. */
fun within(what: String, done: () -> Boolean) {
    val end = System.nanoTime() + 20_000_000_000
    while (!done()) {
        check(System.nanoTime() < end) { "not within 20 s: $what" }
        Thread.sleep(5)
    }
}

class Asked(val address: String, val key: String?, val body: String) {
    val question: JsonNode get() = json.readTree(body)
}

class Reply(val status: Int, val body: String, val type: String = "application/json")

typealias Answer = (Asked) -> Reply?

/** A service that answers as a test wants, and keeps what it was asked; no reply at all is a connection that ends. */
class Fake(@Volatile var answer: Answer) : AutoCloseable {
    val asked = CopyOnWriteArrayList<Asked>()
    private val threads = Executors.newCachedThreadPool()
    private val server = HttpServer.create(InetSocketAddress("127.0.0.1", 0), 0).apply {
        executor = threads
        createContext("/", ::handle)
        start()
    }
    val url = "http://127.0.0.1:${server.address.port}"

    private fun handle(exchange: HttpExchange) = exchange.use {
        val asked = Asked(it.requestURI.toString(), it.requestHeaders.getFirst("Authorization"), it.requestBody.readAllBytes().decodeToString())
        this.asked += asked
        val reply = answer(asked) ?: return@use
        it.responseHeaders.set("Content-Type", reply.type)
        val body = reply.body.encodeToByteArray()
        it.sendResponseHeaders(reply.status, if (body.isEmpty()) -1 else body.size.toLong())
        it.responseBody.write(body)
    }

    override fun close() {
        server.stop(0)
        threads.shutdownNow()
    }
}

val notFound = Reply(404, """{"error":{"code":"not_found"}}""")

fun say(body: String): Answer = { Reply(200, body) }

/** Answers as the guide's two endpoints do; answers are JSON objects by flag. */
fun guide(vararg answers: Pair<String, String>): Answer {
    val known = answers.toMap()
    return { asked ->
        val question = asked.question
        when {
            !asked.address.startsWith("/api/v1/feature-flags/evaluate") -> notFound
            "/batch" in asked.address -> Reply(
                200,
                question["flag_names"].map { it.asText() }.filter { it in known }.joinToString(",", "{", "}") { "\"$it\":${known[it]}" },
            )
            else -> known[question["flag_name"].asText()]?.let { Reply(200, it) } ?: notFound
        }
    }
}

/** A client of a service that answers so. */
fun remote(answer: Answer, options: Options = Options(), test: (FeatureFlagsClient, Fake) -> Unit) = Fake(answer).use { service ->
    val all = options.copy(configServiceUrl = service.url, environment = "test", evaluation = "remote", timeout = options.timeout ?: 3.0)
    FeatureFlagsClient(all).use { test(it, service) }
}

/** For a service that fails often: it is asked each time, and once. */
val patient = Options(retry = RetryOptions(attempts = 1), breaker = BreakerOptions(failures = 0))

/** The real config service with the flags of the example. */
class Service : AutoCloseable {
    private val process: Process
    val url: String
    private val http = HttpClient.newHttpClient()

    init {
        val binary = System.getenv("JACKSTAFF_BIN")?.let(Path::of) ?: root.resolve("target/release/jackstaff")
        assumeTrue(binary.exists()) { "$binary has not been built: make service" }
        val data = Files.createTempDirectory("jackstaff")
        val flags = root.resolve("examples/flags.yaml")
        process = ProcessBuilder("$binary", "serve", "--listen", "127.0.0.1:0", "--data", "$data", "--flags", "$flags", "--json")
            .redirectError(ProcessBuilder.Redirect.DISCARD).start()
        url = json.readTree(process.inputStream.bufferedReader().readLine())["url"].asText()
    }

    /** Changes a flag as it is now, and says which version of production has the change. */
    fun patch(flag: String, patch: String): Long {
        val place = URI("$url/api/v1/flags/$flag")
        val before = http.send(HttpRequest.newBuilder(place).build(), HttpResponse.BodyHandlers.ofString())
        val request = HttpRequest.newBuilder(place).method("PATCH", HttpRequest.BodyPublishers.ofString(patch))
            .header("Content-Type", "application/json").header("If-Match", before.headers().firstValue("ETag").get()).build()
        val response = http.send(request, HttpResponse.BodyHandlers.ofString())
        check(response.statusCode() == 200) { response.body() }
        return json.readTree(response.body())["environments"]["production"]["version"].asLong()
    }

    override fun close() {
        process.destroyForcibly().waitFor()
    }
}
