#include "daemon/demo.h"

#include "daemon/command.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STREAM_EVENTS = 200000 };

const struct command_option demo_options[] = {
    {"--for", "SECONDS", "ends after this time; until Ctrl-C if not given"},
    {"--rate", "N", "events a second; 1500 if not given"},
    {"--seed", "N", "another crowd, other music, other numbers; 1 if not given"},
    {"--keep", NULL, "leaves the temporary folder (settings, logs, snapshot) and names it"},
    {"--stream", "FILE",
     "no show: writes the stream to FILE (NDJSON), its catalogue (.items.ndjson) and what the best "
     "lists could reach on it (.truth.json)"},
    {"--events", "N", "how many events --stream writes; 200000 if not given"},
    {.name = NULL},
};

static bool read_real(const char *text, double low, double high, double *out)
{
    char *end;
    *out = strtod(text, &end);
    return end != text && *end == '\0' && *out >= low && *out <= high;
}

static bool read_count(const char *text, uint64_t low, uint64_t high, uint64_t *out)
{
    char *end;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && *out >= low &&
           *out <= high;
}

/* 0, or the exit code. */
static int take_option(const struct command *command, const struct command_option *option,
                       const char *value, struct demo_settings *settings)
{
    if (command_is(option, "--keep"))
        settings->keep = true;
    else if (command_is(option, "--stream"))
        settings->stream = value;
    else if (command_is(option, "--for") && !read_real(value, 1, 1e7, &settings->seconds))
        return command_misuse(command, "--for %s: 1 to 10000000 seconds", value);
    else if (command_is(option, "--rate") && !read_real(value, 1, 1e5, &settings->rate))
        return command_misuse(command, "--rate %s: 1 to 100000 events a second", value);
    else if (command_is(option, "--seed") &&
             !read_count(value, 0, (uint64_t)INT64_MAX, &settings->seed))
        return command_misuse(command, "--seed %s: a whole number, 0 to %" PRId64, value,
                              INT64_MAX);
    else if (command_is(option, "--events") &&
             !read_count(value, 1, UINT64_C(1000000000), &settings->events))
        return command_misuse(command, "--events %s: 1 to 1000000000", value);
    return EXIT_FINE;
}

int command_demo(struct invocation *invocation)
{
    const struct command *command = command_named("demo");
    struct demo_settings settings = {.rate = 1500, .seed = 1};
    const struct command_option *option;
    const char *value;
    while ((option = command_next(invocation, command, &value)) != NULL || value != NULL) {
        if (option == NULL)
            return command_misuse(command, "%s? The demo takes no arguments", value);
        int code = take_option(command, option, value, &settings);
        if (code != EXIT_FINE)
            return code;
    }
    if (settings.stream == NULL && settings.events > 0)
        return command_misuse(command, "--events is how many --stream writes; name its FILE");
    if (settings.stream == NULL)
        return demo_show(&settings);
    if (settings.events == 0)
        settings.events = STREAM_EVENTS;
    if (strcmp(settings.stream, "-") == 0)
        return command_misuse(command, "--stream writes three files; - is the name of none");
    struct error error = {.status = STATUS_OK};
    return demo_write_stream(&settings, &error) == STATUS_OK ? EXIT_FINE : fail(&error);
}
