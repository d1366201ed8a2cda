#include "daemon/command.h"

#include "daemon/nearest.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Whoever adds a command adds its line here, and its declarations to command.h. Keep the order of
 * the manual: what one starts with first. */
const struct command commands[] = {
    {"run", "", "the daemon: learns from Kafka, keeps lists fresh in Redis",
     "Stays in the foreground and logs to stderr, or to the journal; tells systemd when it is "
     "ready: the snapshot is loaded, Redis answers, and partitions are assigned. While Kafka or "
     "Redis is away it waits, not ready. SIGTERM and SIGINT end it in order: what is due is "
     "published, a snapshot saved. SIGHUP reads the settings again and says what needs a restart.",
     run_options, command_run},
    {"demo", "", "the main job with nothing set up: lists that follow what people do",
     "Starts an embedded Kafka broker, a private Redis and the daemon, all on loopback and in a "
     "temporary folder, plays a made-up stream of people who listen to music, and shows how their "
     "lists follow: on a terminal as a picture, else as lines. The hit rate tells how often what "
     "somebody kept next was among the first ten of their list, beside the popular list and beside "
     "the best list that the stream's own truth allows. Other programs may connect to the broker "
     "and to Redis: the addresses are printed. Ends on Ctrl-C, and leaves nothing behind.",
     demo_options, command_demo},
    {"load", "FILE...", "sends recorded events to the input topic",
     "Reads NDJSON, or TSV with a header line (timestamp user item event value), plain, gzip or "
     "zstd, - for standard input; several files are merged by time. Each event becomes a message "
     "in input.topic, keyed by user so that a user's events stay in order, with the event's own "
     "time in it and stamped with the time of sending, which is when an event without a time "
     "counts as happening. Lines that cannot be used are counted and reported. Prints how many "
     "events Kafka has acknowledged; when it is out of reach, the exit code is 69.",
     load_options, command_load},
    {"replay", "FILE…|--topic TOPIC", "learns from recorded events, without a daemon; evaluates",
     "Learns from files (or - for standard input: NDJSON or TSV, plain, gzip or zstd; several are "
     "merged by time) or from a range of Kafka topics, in one pass and in order, by the engine of "
     "'tasted run': the same events give the same state, which the digest tells.\n\n"
     "With --evaluate each wanted item is ranked among all candidates before it is learned, by the "
     "model that would serve the list, beside baselines on the same events (with --from-snapshot "
     "they know none of those before). Bad lines are counted; "
     "without any usable event the exit code is 65.\n\n"
     "--try model.dim=32,64,128 teaches a model with each value from the same reading, and prints "
     "one table. Several keys in one --try, parted by spaces, are tried in all combinations; "
     "several --try one after the other. The settings as they are make the first row, unless "
     "another row is the same. --try parts tells what each part of the model is worth. The cost "
     "of learning is CPU time; measured together with --evaluate it is a little higher.\n\n"
     "--html draws the report: quality over time, by what is known of users and items, by signal, "
     "what the lists cover of the catalogue, throughput. The page needs no network.",
     replay_options, command_replay},
    {"snapshot", "info|verify|diff|export FILE [FILE]",
     "what a snapshot file holds, and whether it is whole",
     "info prints the digest of the learned state, the counts, the offsets it includes and the "
     "sections of the file with their sums; with --json as one object. It does not build the "
     "model.\n\n"
     "verify checks every sum, loads the model and checks that it is the state it was saved as. "
     "Exit code 0: whole; 65: what is damaged is told.\n\n"
     "diff compares two: counts, settings, users and items that only one of them has, the vectors "
     "that moved most, and how far the lists of the users in both agree.\n\n"
     "export writes the vectors and ids: as NDJSON, one object a line for each item "
     "(item, vector, bias, wanted) and user (user, vector, wanted), or as NumPy files items.npy "
     "(items, dim), item_ids.npy, item_bias.npy, users.npy (users, dim) and user_ids.npy. A user's "
     "vector is all that the model makes of them at the time of the last event; its product with "
     "an item's, and the item's bias, is the score of the factors. A second FILE tells where to.",
     snapshot_options, command_snapshot},
    {"top", "USER", "a user's list, from Redis or from a snapshot",
     "Prints the list an application would read from Redis, whatever its format: best first. A "
     "user without a list gets the popular one, and standard error says so. With --snapshot the "
     "list is ranked by the model in the file, as of the last event it learned, and nothing else "
     "is asked.",
     top_options, command_top},
    {"similar", "ITEM", "what is like an item, from Redis or from a snapshot",
     "Prints the items that are most like one: wanted by the same users within a few events of "
     "each other, and, where there is little to count, with vectors in the same direction. With "
     "--snapshot by the model in the file; else the list that is in Redis, if there is one.",
     similar_options, command_similar},
    {"predict", "USER ITEM...|--matrix", "what a user would rate items, by a snapshot",
     "Prints for each item the rating that the user gave it last, the one the model predicts, "
     "within signals.rating_scale, and the score that ranks it; by the model in a snapshot, as of "
     "the last event it learned. Ratings are predicted from explicit ratings alone: where none was "
     "ever learned there are only scores. Given ratings are kept to 1/254 of the scale. Somebody "
     "or something unknown counts as average.\n\n"
     "--matrix prints all users and items of a small snapshot: ratings as they were given, and "
     "predicted ones behind a ~.",
     predict_options, command_predict},
    {"explain", "USER ITEM", "why the model scores an item as it does for a user",
     "Prints each term of the score, a value times the weight that was learned for it: what the "
     "user's own vector, their history, their last item and the circumstances make of the item, "
     "how popular it is, what follows and goes with their recent items. Then the past items that "
     "weigh most, by their vectors and by counts. The rank is among all candidates; a list leaves "
     "some out, and where it may not hold the item, the rule that keeps it out is told. By the "
     "model in a snapshot, as of the last event it learned.",
     explain_options, command_explain},
    {"config", "check|defaults|show", "checks, explains and shows the settings",
     "check validates the settings, and with --connect reaches for Kafka and Redis too. defaults "
     "prints a file with every setting, its help and its default as comments. show prints the "
     "settings in effect and where each comes from, with secrets masked, and what tasted itself "
     "sets on librdkafka and why.",
     config_options, command_config},
    {"generate", "man1|man5|conf|bash|zsh|fish", NULL,
     "Prints what deploy/ holds, from the tables.", NULL, command_generate},
    {.name = NULL},
};

const struct command_option common_options[] = {
    {"-c", "FILE", "the settings file; " SETTINGS_FILE " if not given"},
    {"--set", "SECTION.KEY=VALUE", "sets one option, over file and environment; repeatable"},
    {"--help", NULL, "what a command does and takes"},
    {"--version", NULL, "the version"},
    {.name = NULL},
};

const struct command *command_named(const char *name)
{
    for (const struct command *command = commands; command->name; command++)
        if (strcmp(command->name, name) == 0)
            return command;
    return NULL;
}

bool command_is(const struct command_option *option, const char *name)
{
    return strcmp(option->name, name) == 0;
}

int command_misuse(const struct command *command, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "tasted %s: ", command->name);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\nTry 'tasted %s --help'.\n", command->name);
    va_end(arguments);
    return EXIT_USAGE;
}

static const struct command_option *option_named(const struct command *command, const char *name,
                                                 size_t size)
{
    const struct command_option *option = command->options;
    for (; option && option->name; option++)
        if (strlen(option->name) == size && memcmp(option->name, name, size) == 0)
            return option;
    return NULL;
}

static _Noreturn void unknown_option(const struct command *command, const char *word)
{
    struct nearest nearest;
    nearest_init(&nearest, word);
    const struct command_option *option = command->options;
    for (; option && option->name; option++)
        nearest_offer(&nearest, option->name);
    for (option = common_options; option->name; option++)
        nearest_offer(&nearest, option->name);
    if (nearest.name[0])
        exit(command_misuse(command, "unknown option %s; did you mean %s?", word, nearest.name));
    exit(command_misuse(command, "unknown option %s", word));
}

static bool is_path(const struct command_option *option)
{
    return strncmp(option->value, "FILE", 4) == 0 || strcmp(option->value, "PATH") == 0;
}

/* The value of an option that needs one: attached ("--every=5", "-n5") or the next word. */
static const char *take_value(struct invocation *invocation, const struct command *command,
                              const struct command_option *option, const char *attached)
{
    if (!option->value) {
        if (attached)
            exit(command_misuse(command, "%s takes no value", option->name));
        return NULL;
    }
    const char *value = attached;
    if (!value && invocation->argc > 0) {
        invocation->argc--;
        value = *invocation->argv++;
    }
    if (!value || (!value[0] && is_path(option)))
        exit(command_misuse(command, "%s needs a value: %s", option->name, option->value));
    return value;
}

const struct command_option *command_next(struct invocation *invocation,
                                          const struct command *command, const char **value)
{
    *value = NULL;
    if (invocation->argc == 0)
        return NULL;
    const char *word = *invocation->argv++;
    invocation->argc--;
    if (!invocation->only_arguments && strcmp(word, "--") == 0) {
        invocation->only_arguments = true;
        return command_next(invocation, command, value);
    }
    if (invocation->only_arguments || word[0] != '-' || word[1] == '\0') {
        *value = word;
        return NULL;
    }
    bool is_long = word[1] == '-';
    const char *equals = is_long ? strchr(word, '=') : NULL;
    size_t size = equals ? (size_t)(equals - word) : is_long ? strlen(word) : 2;
    const struct command_option *option = option_named(command, word, size);
    if (!option)
        unknown_option(command, word);
    const char *attached = equals ? equals + 1 : word[size] ? word + size : NULL;
    *value = take_value(invocation, command, option, attached);
    return option;
}
