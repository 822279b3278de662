package dev.jackstaff.example

import java.net.URI
import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpResponse.BodyHandlers
import java.nio.file.Files
import java.nio.file.Path
import kotlin.io.path.exists
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Assumptions.assumeTrue
import org.junit.jupiter.api.Test
import org.springframework.boot.builder.SpringApplicationBuilder

class DashboardTest {
    private val http = HttpClient.newHttpClient()

    private fun get(url: String): String = http.send(HttpRequest.newBuilder(URI(url)).build(), BodyHandlers.ofString()).body()

    @Test
    fun `the dashboard follows the flags and outlives the service`() {
        val root = Path.of("../..").toAbsolutePath().normalize()
        val binary = System.getenv("JACKSTAFF_BIN")?.let(Path::of) ?: root.resolve("target/release/jackstaff")
        assumeTrue(binary.exists()) { "$binary has not been built: make service" }
        val service = ProcessBuilder(
            "$binary", "serve", "--listen", "127.0.0.1:0", "--data", "${Files.createTempDirectory("jackstaff")}", "--flags", "$root/examples/flags.yaml", "--json",
        ).redirectError(ProcessBuilder.Redirect.DISCARD).start()
        try {
            val address = Regex("\"url\":\\s*\"([^\"]+)\"").find(service.inputStream.bufferedReader().readLine())!!.groupValues[1]
            val settings = mapOf<String, Any>("CONFIG_SERVICE_URL" to address, "ENVIRONMENT" to "production", "server.port" to 0)
            SpringApplicationBuilder(Dashboard::class.java).initializers({ context ->
                context.environment.propertySources.addFirst(org.springframework.core.env.MapPropertySource("test", settings))
            }).run().use { application ->
                val page = "http://127.0.0.1:${application.environment.getProperty("local.server.port")}/api/users/user123/dashboard"
                assertTrue("new_dashboard" in get(page), get(page))
                val flag = URI("$address/api/v1/flags/new_ui")
                val tag = http.send(HttpRequest.newBuilder(flag).build(), BodyHandlers.ofString()).headers().firstValue("ETag").get()
                val patch = HttpRequest.newBuilder(flag).method("PATCH", HttpRequest.BodyPublishers.ofString("""{"enabled": false}"""))
                    .header("Content-Type", "application/json").header("If-Match", tag).build()
                assertEquals(200, http.send(patch, BodyHandlers.ofString()).statusCode())
                val end = System.nanoTime() + 20_000_000_000
                while ("old_dashboard" !in get(page)) {
                    check(System.nanoTime() < end) { "the change did not arrive" }
                    Thread.sleep(10)
                }
                val last = get(page)
                service.destroyForcibly().waitFor()
                assertEquals(last, get(page))
            }
        } finally {
            service.destroyForcibly()
        }
    }
}
