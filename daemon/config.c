/* tasted config check|defaults|show */
#include "daemon/command.h"

#include "daemon/reference.h"

#include <stdio.h>
#include <string.h>

const struct command_option config_options[] = {
    {"--connect", NULL, "check: also reaches for Kafka, its topics, and Redis"},
    {.name = NULL},
};

enum { REACH_MS = 10000 };

static void report(void *context, const struct error *error)
{
    (void)context;
    fprintf(stderr, "tasted: %s\n", error->text);
}

static bool reach_topics(const struct settings *settings, const char *topics)
{
    struct error error;
    struct kafka_pairs kafka = settings_kafka(settings);
    if (kafka_reach(&kafka, topics, REACH_MS, &error) != STATUS_OK) {
        fail(&error);
        return false;
    }
    printf("Kafka answers and has %s.\n", topics);
    return true;
}

/* The topic for dead letters is made when the first one is sent. */
static bool reach_kafka(const struct settings *settings)
{
    const struct input_settings *input = &settings->input;
    return reach_topics(settings, input->topic) &&
           (input->catalogue_topic[0] == '\0' || reach_topics(settings, input->catalogue_topic));
}

static bool reach_redis(const struct settings *settings)
{
    struct error error;
    struct redis_client *redis;
    if (redis_connect(settings->redis_url, REACH_MS, &redis, &error) != STATUS_OK) {
        fail(&error);
        return false;
    }
    redis_disconnect(redis);
    printf("Redis answers.\n");
    return true;
}

static int check(const struct invocation *invocation, bool connect)
{
    struct settings *settings = NULL;
    struct error error = {STATUS_OK, ""};
    enum status status = settings_check(&invocation->settings, report, NULL, &settings);
    if (status != STATUS_OK)
        return exit_code_of(status);
    struct kafka_pairs kafka = settings_kafka(settings);
    status = kafka_check(&kafka, &error);
    if (status != STATUS_OK) {
        fail(&error);
        goto out;
    }
    printf("The settings are good.\n");
    if (connect) {
        bool kafka_answers = reach_kafka(settings), redis_answers = reach_redis(settings);
        if (!kafka_answers || !redis_answers)
            status = STATUS_UNREACHABLE;
    }
out:
    settings_free(settings);
    return exit_code_of(status);
}

static int show(const struct invocation *invocation)
{
    struct settings *settings;
    struct error error;
    if (settings_load(&invocation->settings, &settings, &error) != STATUS_OK)
        return fail(&error);
    reference_print_effective(stdout, settings);
    settings_free(settings);
    return EXIT_FINE;
}

static int defaults(void)
{
    reference_print_sample(stdout);
    return EXIT_FINE;
}

int command_config(struct invocation *invocation)
{
    const struct command *command = command_named("config");
    const struct command_option *option;
    const char *value, *verb = NULL;
    bool connect = false;
    while ((option = command_next(invocation, command, &value)) || value) {
        if (option)
            connect = true;
        else if (verb)
            return command_misuse(command, "one of check, defaults and show, not also %s", value);
        else
            verb = value;
    }
    if (!verb)
        return command_misuse(command, "say which: check, defaults or show");
    if (connect && strcmp(verb, "check") != 0)
        return command_misuse(command, "--connect goes with check");
    if (strcmp(verb, "check") == 0)
        return check(invocation, connect);
    if (strcmp(verb, "defaults") == 0)
        return defaults();
    if (strcmp(verb, "show") == 0)
        return show(invocation);
    return command_misuse(command, "no %s; there are check, defaults and show", verb);
}
