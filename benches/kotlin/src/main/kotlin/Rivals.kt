// Nanoseconds per check beside LaunchDarkly's, Unleash's and flagd's Java SDKs, evaluating the same two flags in process in the same run: a percentage of users, and a rule on an
// attribute. All of them offline, each from the source its maker offers for that. The context is built once for everybody.
//
//     python3 scripts/uniffi.py bench

import com.launchdarkly.sdk.ContextKind
import com.launchdarkly.sdk.LDContext
import com.launchdarkly.sdk.server.Components
import com.launchdarkly.sdk.server.LDClient
import com.launchdarkly.sdk.server.LDConfig
import com.launchdarkly.sdk.server.integrations.FileData
import dev.jackstaff.Context
import dev.jackstaff.FeatureFlagsClient
import dev.openfeature.contrib.providers.flagd.Config
import dev.openfeature.contrib.providers.flagd.FlagdOptions
import dev.openfeature.contrib.providers.flagd.FlagdProvider
import dev.openfeature.sdk.ImmutableContext
import dev.openfeature.sdk.OpenFeatureAPI
import dev.openfeature.sdk.Value
import io.getunleash.DefaultUnleash
import io.getunleash.UnleashContext
import io.getunleash.util.UnleashConfig
import java.nio.file.Files
import java.util.Optional

private const val USER = "user-500"
private const val PLAN = "pro"

/** What a client is asked: any question, and the two that are timed. */
private class Rival(val name: String, val enabled: (String, String, String) -> Boolean, val half: () -> Boolean, val pros: () -> Boolean)

@Volatile private var sink = false

/** The least of several rounds, after one to warm up. */
private fun nanoseconds(call: () -> Boolean, calls: Int = 200_000, rounds: Int = 9): Double {
    var least = Double.MAX_VALUE
    repeat(rounds + 2) {
        var on = false
        val begun = System.nanoTime()
        repeat(calls) { on = on xor call() }
        val took = (System.nanoTime() - begun).toDouble() / calls
        sink = on
        if (it >= 2) least = minOf(least, took)
    }
    return least
}

private fun file(text: String): String = Files.createTempFile("flags", ".json").also { Files.writeString(it, text) }.toString()

private fun jackstaff(): Rival {
    val client = FeatureFlagsClient.fromJson(
        """{"flags": {
        "half": {"rules": [{"percentage": 50, "serve": "on"}], "fallthrough": "off"},
        "pros": {"rules": [{"when": {"attribute": "plan", "equals": "pro"}, "serve": "on"}], "fallthrough": "off"}}}""",
    ).start()
    val me = Context(USER, mapOf("plan" to PLAN))
    return Rival(
        "Jackstaff",
        { flag, user, plan -> client.isEnabledNow(flag, Context(user, mapOf("plan" to plan))) },
        { client.isEnabledNow("half", me) },
        { client.isEnabledNow("pros", me) },
    )
}

private fun launchDarkly(): Rival {
    val path = file(
        """{"flags": {
        "half": {"key": "half", "version": 1, "on": true, "variations": [true, false], "offVariation": 1, "salt": "half",
            "fallthrough": {"rollout": {"variations": [{"variation": 0, "weight": 50000}, {"variation": 1, "weight": 50000}]}}},
        "pros": {"key": "pros", "version": 1, "on": true, "variations": [true, false], "offVariation": 1, "fallthrough": {"variation": 1},
            "rules": [{"id": "r", "clauses": [{"contextKind": "user", "attribute": "plan", "op": "in", "values": ["pro"]}], "variation": 0}]}}}""",
    )
    val config = LDConfig.Builder().dataSource(FileData.dataSource().filePaths(path)).events(Components.noEvents()).logging(Components.noLogging()).build()
    val client = LDClient("key", config)
    fun who(user: String, plan: String) = LDContext.builder(ContextKind.DEFAULT, user).set("plan", plan).build()
    val me = who(USER, PLAN)
    return Rival(
        "LaunchDarkly",
        { flag, user, plan -> client.boolVariation(flag, who(user, plan), false) },
        { client.boolVariation("half", me, false) },
        { client.boolVariation("pros", me, false) },
    )
}

private fun unleash(): Rival {
    val text = """{"version": 2, "features": [
        {"name": "half", "type": "release", "enabled": true, "strategies": [{"name": "flexibleRollout", "parameters": {"rollout": "50", "stickiness": "userId", "groupId": "half"}}]},
        {"name": "pros", "type": "release", "enabled": true, "strategies": [{"name": "default", "constraints": [{"contextName": "plan", "operator": "IN", "values": ["pro"]}]}]}]}"""
    val config = UnleashConfig.builder().appName("bench").instanceId("bench").unleashAPI("http://127.0.0.1:9/api/").apiKey("*:development.bench")
        .disableMetrics().fetchTogglesInterval(3600).backupFile(Files.createTempDirectory("bench").resolve("backup.json").toString()).toggleBootstrapProvider { Optional.of(text) }.build()
    val client = DefaultUnleash(config)
    fun who(user: String, plan: String) = UnleashContext.builder().userId(user).addProperty("plan", plan).build()
    val me = who(USER, PLAN)
    return Rival(
        "Unleash",
        { flag, user, plan -> client.isEnabled(flag, who(user, plan)) },
        { client.isEnabled("half", me) },
        { client.isEnabled("pros", me) },
    )
}

private fun flagd(): Rival {
    val path = file(
        """{"${'$'}schema": "https://flagd.dev/schema/v0/flags.json", "flags": {
        "half": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "off", "targeting": {"fractional": [["on", 50], ["off", 50]]}},
        "pros": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "off", "targeting": {"if": [{"==": [{"var": "plan"}, "pro"]}, "on", "off"]}}}}""",
    )
    OpenFeatureAPI.getInstance().setProviderAndWait(FlagdProvider(FlagdOptions.builder().resolverType(Config.Resolver.FILE).offlineFlagSourcePath(path).deadline(60_000).build()))
    val client = OpenFeatureAPI.getInstance().client
    fun who(user: String, plan: String) = ImmutableContext(user, mapOf("plan" to Value(plan)))
    val me = who(USER, PLAN)
    return Rival(
        "flagd (OpenFeature)",
        { flag, user, plan -> client.getBooleanValue(flag, false, who(user, plan)) },
        { client.getBooleanValue("half", false, me) },
        { client.getBooleanValue("pros", false, me) },
    )
}

fun main() {
    val rivals = listOf(::jackstaff, ::launchDarkly, ::unleash, ::flagd).map { it() }
    println("%-22s %10s %10s   ns per check".format("", "half", "pros"))
    for (rival in rivals) {
        val on = (0 until 1000).count { rival.enabled("half", "user-$it", PLAN) }
        check(on in 400..600 && rival.enabled("pros", USER, PLAN) && !rival.enabled("pros", USER, "free")) { "${rival.name} has other flags: $on of 1000" }
        println("%-22s %10.0f %10.0f".format(rival.name, nanoseconds(rival.half), nanoseconds(rival.pros)))
    }
    jackstaffAlone()
    System.exit(0) // threads of the rivals' go on
}

/** The other doors of ours, and the memory of a client. */
private fun jackstaffAlone() {
    val client = FeatureFlagsClient.fromJson("""{"flags": {"on": {}, "theme": {"type": "string", "variants": {"dark": "dark"}, "fallthrough": "dark"}}}""").start()
    val me = Context(USER)
    println("isEnabledNow(flag, user)  %8.0f ns".format(nanoseconds({ client.isEnabledNow("on", USER) })))
    println("getStringNow              %8.0f ns".format(nanoseconds({ client.getStringNow("theme", me, "light") == "dark" })))
    println("evaluateNow (generated)   %8.0f ns".format(nanoseconds({ client.evaluateNow("on", me)!!.enabled }, calls = 5_000, rounds = 5)))
    fun resident() = Files.readString(java.nio.file.Path.of("/proc/self/statm")).split(" ")[1].toLong() * 4096
    if (Files.exists(java.nio.file.Path.of("/proc/self/statm"))) {
        System.gc()
        val before = resident()
        val many = List(2_000) { FeatureFlagsClient.fromJson("""{"flags": {"on": {}}}""").start() }
        println("memory per client         %8.1f KiB (%d of them, in the JVM and outside)".format((resident() - before) / 1024.0 / many.size, many.size))
    }
}
