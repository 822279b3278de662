// The guide's dashboard as a Spring Boot service.
//
//     make kotlin
//     cd examples/kotlin && CONFIG_SERVICE_URL=http://127.0.0.1:8082 ENVIRONMENT=development java -cp 'target/classes:target/lib/*' dev.jackstaff.example.DashboardKt
//     curl http://127.0.0.1:8000/api/users/user123/dashboard
package dev.jackstaff.example

import dev.jackstaff.FeatureFlagsClient
import dev.jackstaff.Options
import org.springframework.boot.autoconfigure.EnableAutoConfiguration
import org.springframework.boot.runApplication
import org.springframework.context.annotation.Bean
import org.springframework.context.annotation.Configuration
import org.springframework.context.annotation.Import
import org.springframework.core.env.Environment
import org.springframework.web.bind.annotation.GetMapping
import org.springframework.web.bind.annotation.PathVariable
import org.springframework.web.bind.annotation.RestController

@Configuration(proxyBeanMethods = false)
@EnableAutoConfiguration
@Import(Pages::class)
open class Dashboard {
    /** One client for the whole service; Spring closes it with the application. Started here, so that the flags are there before the first request. */
    @Bean
    open fun flags(settings: Environment): FeatureFlagsClient =
        FeatureFlagsClient(Options(configServiceUrl = settings.getProperty("CONFIG_SERVICE_URL"), environment = settings.getProperty("ENVIRONMENT"))).start()
}

@RestController
class Pages(private val flags: FeatureFlagsClient) {
    /** Which template a user sees, and in which colours. */
    @GetMapping("/api/users/{userId}/dashboard")
    fun dashboard(@PathVariable("userId") userId: String): Map<String, Any?> {
        // One batch, not two checks in a row: with the flags in memory it makes no difference, without them it is one trip.
        val on = flags.blocking.batchEvaluate(listOf("new_ui", "dark_mode"), userId)
        return mapOf("template" to if (on["new_ui"] == true) "new_dashboard" else "old_dashboard", "dark_mode" to on["dark_mode"])
    }
}

fun main(arguments: Array<String>) {
    runApplication<Dashboard>(*arguments)
}
