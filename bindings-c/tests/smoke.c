// The header as a C program uses it: every kind of function once, with nothing left behind. `smoke URL` also follows a service.
#define _POSIX_C_SOURCE 200809L
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "jackstaff.h"

#define T jackstaff_text_of
#define CHECK(condition) \
    do { if (!(condition)) { fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); exit(1); } } while (0)

static const char FLAGS[] =
    "{\"environments\": [\"test\"], \"flags\": {"
    "\"new_ui\": {\"targets\": {\"on\": [\"user123\"]}, \"rules\": [{\"when\": {\"attribute\": \"plan\", \"equals\": \"pro\"}, \"serve\": \"on\"}], \"fallthrough\": \"off\"},"
    "\"theme\": {\"type\": \"string\", \"variants\": {\"dark\": \"dunkel\"}, \"fallthrough\": \"dark\"},"
    "\"limit\": {\"type\": \"integer\", \"variants\": {\"few\": 20}, \"fallthrough\": \"few\"}}}";

static volatile int changes, releases, answers, ready;

static void on_change(void *data, const jackstaff_change *change)
{
    CHECK(data == (void *)&changes && change->environment.len > 0);
    changes++;
}

static void on_release(void *data)
{
    CHECK(data == (void *)&changes);
    releases++;
}

static void on_answers(void *data, const jackstaff_evaluation *evaluations, size_t count, jackstaff_text texts)
{
    (void)data;
    CHECK(count == 2 && evaluations[0].kind == JACKSTAFF_STRING && evaluations[1].kind == JACKSTAFF_ANY);
    CHECK(memcmp(texts.data + evaluations[0].text.start, "dunkel", evaluations[0].text.len) == 0);
    answers++;
}

static void on_done(void *data, jackstaff_code code, jackstaff_text message)
{
    (void)data;
    CHECK(code == JACKSTAFF_CODE_OK && message.len == 0);
    ready++;
}

static void wait_for(volatile int *what)
{
    struct timespec pause = { 0, 5 * 1000 * 1000 };
    for (int tries = 0; !*what; tries++) {
        CHECK(tries < 12000); // a minute: a leak checker makes all of it slow
        nanosleep(&pause, NULL);
    }
}

static jackstaff_client *open_local(void)
{
    char options[2048];
    snprintf(options, sizeof options, "{\"environment\": \"test\", \"bootstrap\": %s}", FLAGS);
    jackstaff_error error;
    jackstaff_client *client = jackstaff_open(T(options), &error);
    CHECK(client && error.code == JACKSTAFF_CODE_OK);
    return client;
}

static void checks(void)
{
    jackstaff_client *client = open_local();
    jackstaff_text user = T("user123"), other = T("other"), nobody = { NULL, 0 };
    CHECK(jackstaff_look(client, T("new_ui"), user, NULL, false) == JACKSTAFF_ON);
    CHECK(jackstaff_look(client, T("new_ui"), other, NULL, true) == JACKSTAFF_OFF);
    CHECK(jackstaff_look(client, T("new_ui"), nobody, NULL, true) == JACKSTAFF_OFF);
    CHECK(jackstaff_look(client, T("unknown"), user, NULL, true) == JACKSTAFF_ON);
    CHECK(jackstaff_is_enabled(client, T("new_ui"), user, NULL, false));

    jackstaff_context *pro = jackstaff_context_new(other, T("{\"plan\": \"pro\"}"), NULL);
    CHECK(pro && jackstaff_look(client, T("new_ui"), nobody, pro, false) == JACKSTAFF_ON);

    uint32_t flags[2] = { jackstaff_flag(T("new_ui")), jackstaff_flag(T("unknown")) };
    uint8_t on[2] = { 7, 7 };
    CHECK(jackstaff_look_at(client, flags[0], user, NULL, false) == JACKSTAFF_ON);
    CHECK(jackstaff_look_at_many(client, (jackstaff_numbers){ flags, 2 }, nobody, pro, false, (jackstaff_bytes){ on, 2 }));
    CHECK(on[0] == 1 && on[1] == 0);

    uint8_t buffer[128];
    jackstaff_evaluation found;
    CHECK(jackstaff_look_closely(client, T("theme"), user, NULL, JACKSTAFF_STRING, -1, (jackstaff_bytes){ buffer, sizeof buffer }, &found));
    CHECK(found.kind == JACKSTAFF_STRING && !found.texts.data && memcmp(buffer + found.text.start, "dunkel", found.text.len) == 0);
    CHECK(jackstaff_look_closely(client, T("theme"), user, NULL, JACKSTAFF_STRING, -1, (jackstaff_bytes){ buffer, 3 }, &found));
    CHECK(found.texts.data && memcmp(found.texts.data + found.text.start, "dunkel", found.text.len) == 0);
    jackstaff_evaluation_free(&found);
    jackstaff_evaluation_free(&found);
    jackstaff_evaluate(client, T("limit"), user, NULL, JACKSTAFF_ANY, -1, &found);
    CHECK(found.kind == JACKSTAFF_INTEGER && found.integer == 20 && found.number == 20.0);
    jackstaff_evaluation_free(&found);

    uint32_t lengths[2] = { 5, 7 };
    CHECK(jackstaff_answer_later(client, T("themeunknown"), (jackstaff_numbers){ lengths, 2 }, user, NULL, JACKSTAFF_ANY, -1, on_answers, NULL) == JACKSTAFF_CODE_OK);
    wait_for(&answers);
    CHECK(jackstaff_ready(client, 5.0, NULL) == JACKSTAFF_CODE_OK);
    CHECK(jackstaff_ready_later(client, 5.0, on_done, NULL) == JACKSTAFF_CODE_OK);
    wait_for(&ready);
    jackstaff_error late;
    CHECK(jackstaff_wait_for_version(client, 99, 0.05, &late) == JACKSTAFF_CODE_TIMEOUT && late.message.text.len > 0);
    jackstaff_error_free(&late);

    jackstaff_string stats = jackstaff_stats(client);
    CHECK(stats.text.len > 0 && stats.text.data[0] == '{');
    jackstaff_string_free(&stats);
    jackstaff_context_free(pro);
    jackstaff_close(client);
    CHECK(jackstaff_is_enabled(client, T("new_ui"), user, NULL, true));
    jackstaff_client_free(client);
}

static void mistakes(void)
{
    jackstaff_error error;
    CHECK(!jackstaff_open(T("{\"environment\": \"no such name!\"}"), &error) && error.code == JACKSTAFF_CODE_INVALID_ARGUMENT && error.message.text.len > 0);
    jackstaff_error_free(&error);
    CHECK(!jackstaff_open(T("not json"), NULL));
    CHECK(!jackstaff_open_file(T("/no/such/file.yaml"), T(""), T("{}"), &error) && error.code == JACKSTAFF_CODE_IO);
    jackstaff_error_free(&error);
    CHECK(jackstaff_look(NULL, T("new_ui"), T("u"), NULL, true) == JACKSTAFF_ON);
    CHECK(!jackstaff_is_enabled(NULL, T(NULL), T(NULL), NULL, false));
    jackstaff_client_free(NULL);
}

static void mock(void)
{
    jackstaff_client *client = jackstaff_open_mock(T("{\"new_ui\": true}"), NULL);
    uint64_t listener = jackstaff_listen(client, on_change, on_release, (void *)&changes, NULL);
    CHECK(listener != 0 && jackstaff_look(client, T("new_ui"), T("u"), NULL, false) == JACKSTAFF_ON);
    int before = changes;
    CHECK(jackstaff_mock_set(client, T("{\"new_ui\": false}"), NULL) == JACKSTAFF_CODE_OK);
    CHECK(changes == before + 1 && jackstaff_look(client, T("new_ui"), T("u"), NULL, true) == JACKSTAFF_OFF);
    jackstaff_string asked = jackstaff_mock_checks(client);
    CHECK(strstr((const char *)asked.text.data, "new_ui"));
    jackstaff_string_free(&asked);
    jackstaff_unlisten(client, listener);
    CHECK(releases == 1);
    jackstaff_client_free(client);
}

// A child has no thread of its parent's: it answers at once, and follows the service by itself.
static void fork_with(jackstaff_client *client)
{
    pid_t child = fork();
    if (child == 0) {
        jackstaff_after_fork(client);
        CHECK(jackstaff_is_enabled(client, T("new_ui"), T("user123"), NULL, false));
        CHECK(jackstaff_ready(client, 20.0, NULL) == JACKSTAFF_CODE_OK);
        _exit(0);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

static void service(const char *url)
{
    char options[512];
    snprintf(options, sizeof options, "{\"config_service_url\": \"%s\", \"environment\": \"production\"}", url);
    jackstaff_client *client = jackstaff_open(T(options), NULL);
    CHECK(client && jackstaff_listen(client, on_change, on_release, (void *)&changes, NULL) != 0);
    CHECK(jackstaff_ready(client, 60.0, NULL) == JACKSTAFF_CODE_OK);
    CHECK(jackstaff_look(client, T("new_ui"), T("user123"), NULL, false) == JACKSTAFF_ON);
    fork_with(client);
    int released = releases;
    jackstaff_close(client);
    CHECK(releases == released + 1);
    jackstaff_client_free(client);
}

int main(int count, char **arguments)
{
    CHECK(jackstaff_abi() == JACKSTAFF_ABI);
    checks();
    mistakes();
    mock();
    if (count > 1)
        service(arguments[1]);
    puts("smoke: all well");
    return 0;
}
