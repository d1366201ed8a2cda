/* Where a setting may come from, which one wins, and what is said when it is wrong. */
#include "daemon/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { GIVEN_MAX = 8 };

/* What a test gives to the loader; file is the text of one. */
struct given {
    const char *file;
    const char *environment[GIVEN_MAX];
    const char *sets[GIVEN_MAX];
};

static char path[] = "/tmp/tasted-settings-XXXXXX";
static char warnings[2000];

static void keep_warning(const char *line)
{
    size_t used = strlen(warnings);
    snprintf(warnings + used, sizeof warnings - used, "%s\n", line);
}

static void write_file(const char *name, const void *text, size_t size)
{
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static struct settings_source source_of(const struct given *given)
{
    struct settings_source source = {.file = path, .warn = keep_warning};
    const char *text = given->file ? given->file : "";
    write_file(path, text, strlen(text));
    source.environment = (char *const *)given->environment;
    source.sets = given->sets;
    while (given->sets[source.set_count])
        source.set_count++;
    warnings[0] = '\0';
    return source;
}

static struct settings *load(const struct given *given)
{
    struct settings *settings = NULL;
    struct error error = {STATUS_OK, ""};
    struct settings_source source = source_of(given);
    enum status status = settings_load(&source, &settings, &error);
    if (status)
        print_message("%s\n", error.text);
    assert_int_equal(status, STATUS_OK);
    return settings;
}

/* The file's name at the start of a message is left out. */
static const char *refuse_as(const struct given *given, enum status status)
{
    static struct error error;
    struct settings *settings = NULL;
    struct settings_source source = source_of(given);
    assert_int_equal(settings_load(&source, &settings, &error), status);
    assert_int_equal(error.status, status);
    assert_null(settings);
    size_t size = strlen(path);
    return strncmp(error.text, path, size) == 0 ? error.text + size : error.text;
}

static const char *refuse(const struct given *given)
{
    return refuse_as(given, STATUS_BAD_CONFIG);
}

static const char *refuse_file(const char *text)
{
    return refuse(&(struct given){.file = text});
}

static const char *kafka_value(const struct settings *settings, const char *key)
{
    struct kafka_pairs pairs = settings_kafka(settings);
    for (uint32_t i = 0; i < pairs.size; i++)
        if (strcmp(pairs.at[i].key, key) == 0)
            return pairs.at[i].value;
    return NULL;
}

static float weight(const struct settings *settings, const char *name)
{
    int index = signals_find(&settings->model.signals, text_of(name));
    assert_true(index >= 0);
    return settings->model.signals.at[index].weight;
}

static void the_defaults_are_the_contract(void **state)
{
    (void)state;
    struct settings *s = load(&(struct given){0});
    assert_string_equal(kafka_value(s, "bootstrap.servers"), "localhost:9092");
    assert_string_equal(s->input.topic, "events");
    assert_string_equal(s->input.dead_letter_topic, "tasted.dead");
    assert_string_equal(s->input.catalogue_topic, "");
    assert_string_equal(s->input.group, "");
    assert_int_equal(s->input.start, KAFKA_EARLIEST);
    assert_string_equal(s->redis_url, "redis://localhost:6379/0");
    assert_string_equal(s->redis_prefix, "taste:");
    assert_int_equal(s->model.dedupe_ids, 100000);
    assert_int_equal(s->model.seed, 1);
    assert_int_equal(s->model.dim, 64);
    assert_int_equal(s->model.memory_limit, 0);
    assert_int_equal(s->model.exclude_days, HAVE_FOREVER);
    assert_true(s->threads >= 1);
    assert_int_equal(s->lists.size, 100);
    assert_int_equal(s->lists.format, LIST_JSON);
    assert_int_equal(s->lists.ttl_s, 30 * 86400);
    assert_int_equal(s->lists.refresh_ms, 100);
    assert_false(s->lists.notify);
    assert_string_equal(s->snapshot_path, "/var/lib/tasted/model.snapshot");
    assert_int_equal(s->snapshot_interval_ms, 60000);
    assert_string_equal(s->http_listen, "127.0.0.1:9464");
    assert_float_equal(s->model.signals.skip_below, 0.3F, 0);
    assert_float_equal(s->model.signals.rating_positive, 4, 0);
    settings_free(s);
}

/* The table says the same as the model says by itself. */
static void the_defaults_are_the_models(void **state)
{
    (void)state;
    struct recommender_settings own;
    struct settings *s = load(&(struct given){0});
    recommender_settings_init(&own);
    assert_int_equal(own.seed, s->model.seed);
    assert_int_equal(own.dim, s->model.dim);
    assert_int_equal(own.dedupe_ids, s->model.dedupe_ids);
    assert_int_equal(own.exclude_days, s->model.exclude_days);
    assert_int_equal(own.memory_limit, s->model.memory_limit);
    assert_memory_equal(&own.signals, &s->model.signals, sizeof own.signals);
    settings_free(s);
}

/* Equal settings, however given, are equal to the model. */
static void the_order_of_signals_does_not_matter(void **state)
{
    (void)state;
    struct settings *a = load(&(struct given){.file = "[signals]\nwatch = 1\nfinish = 2\n"});
    struct settings *b = load(
        &(struct given){.environment = {"TASTED_SIGNALS_FINISH=2"}, .sets = {"signals.watch=1"}});
    assert_memory_equal(&a->model.signals, &b->model.signals, sizeof a->model.signals);
    settings_free(a);
    settings_free(b);
}

static void each_layer_wins_over_the_one_before(void **state)
{
    (void)state;
    struct given given = {0};
    struct settings *s = load(&given);
    assert_int_equal(s->lists.size, 100);
    settings_free(s);
    given.file = "[lists]\nsize = 10\n";
    s = load(&given);
    assert_int_equal(s->lists.size, 10);
    settings_free(s);
    given.environment[0] = "TASTED_LISTS_SIZE=20";
    s = load(&given);
    assert_int_equal(s->lists.size, 20);
    settings_free(s);
    given.sets[0] = "lists.size=30";
    s = load(&given);
    assert_int_equal(s->lists.size, 30);
    settings_free(s);
    given.sets[1] = "lists.size=40"; /* of two on the command line the last */
    s = load(&given);
    assert_int_equal(s->lists.size, 40);
    settings_free(s);
}

static void wildcard_sections_take_any_name(void **state)
{
    (void)state;
    struct given given = {
        .file = "[kafka]\nbootstrap.servers = a:1\nsasl.username = file\nclient.id=file\n"
                "[signals]\nfinish = 2.5\nplay = 0.5\nAdd-To-Cart = 1\n",
        .environment = {"TASTED_KAFKA_BOOTSTRAP_SERVERS=b:2", "TASTED_KAFKA_SASL_PASSWORD=x=y",
                        "TASTED_SIGNALS_WATCH_LATER=0.25", "TASTED_SIGNALS_ADD_TO_CART=3"},
        .sets = {"kafka.client.id=set", "signals.finish=-1"},
    };
    struct settings *s = load(&given);
    assert_string_equal(kafka_value(s, "bootstrap.servers"), "b:2");
    assert_string_equal(kafka_value(s, "sasl.username"), "file");
    assert_string_equal(kafka_value(s, "sasl.password"), "x=y");
    assert_string_equal(kafka_value(s, "client.id"), "set");
    assert_int_equal(settings_kafka(s).size, 4);
    assert_float_equal(weight(s, "finish"), -1, 0);
    assert_float_equal(weight(s, "play"), 0.5F, 0);
    assert_float_equal(weight(s, "watch_later"), 0.25F, 0);
    assert_float_equal(weight(s, "add_to_cart"), 3, 0);
    settings_free(s);
}

static void the_brokers_have_one_name(void **state)
{
    (void)state;
    struct settings *s = load(&(struct given){.file = "[kafka]\nmetadata.broker.list = a:1\n"});
    assert_string_equal(kafka_value(s, "bootstrap.servers"), "a:1");
    assert_int_equal(settings_kafka(s).size, 1);
    settings_free(s);
    s = load(&(struct given){.file = "[kafka]\nbootstrap.servers = a:1\n",
                             .environment = {"TASTED_KAFKA_METADATA_BROKER_LIST=b:2"}});
    assert_string_equal(kafka_value(s, "bootstrap.servers"), "b:2");
    settings_free(s);
    assert_non_null(
        strstr(refuse_file("[kafka]\nbootstrap.servers = a:1\nmetadata.broker.list = b:2\n"),
               ":3: kafka.bootstrap.servers is set a second time, it was set on line 2"));
    assert_non_null(strstr(refuse_file("[kafka]\nmetadata.broker.list =\n"), "no broker is named"));
}

static void a_signal_in_the_environment_keeps_its_small_letters(void **state)
{
    (void)state;
    struct settings *s = load(
        &(struct given){.file = "[signals]\naddToCart = 0.25\n",
                        .environment = {"TASTED_SIGNALS_addToCart=3", "TASTED_SIGNALS_FINISH=2"}});
    assert_float_equal(weight(s, "addToCart"), 3, 0);
    assert_float_equal(weight(s, "finish"), 2, 0);
    assert_int_equal(signals_find(&s->model.signals, text_of("addtocart")), -1);
    settings_free(s);
}

/* Services named tasted-kafka and tasted-redis make Kubernetes set some. */
static void other_variables_are_only_warned_of(void **state)
{
    (void)state;
    struct settings *s = load(&(struct given){
        .environment = {"TASTED_DATA=/somewhere", "TASTED_KAFKA_PORT=tcp://1.2.3.4:9092",
                        "TASTED_REDIS_SERVICE_HOST=1.2.3.4",
                        "TASTED_REDIS_PORT_6379_TCP_ADDR=1.2.3.4", "TASTEDX=1", "HOME=/root",
                        "TASTED_"}});
    assert_non_null(strstr(warnings, "TASTED_DATA "));
    assert_non_null(strstr(warnings, "TASTED_KAFKA_PORT "));
    assert_non_null(strstr(warnings, "TASTED_REDIS_SERVICE_HOST "));
    assert_null(strstr(warnings, "TASTEDX"));
    assert_null(strstr(warnings, "HOME"));
    assert_int_equal(settings_kafka(s).size, 1);
    settings_free(s);
}

static void ini_files_as_people_write_them(void **state)
{
    (void)state;
    struct settings *s = load(&(struct given){
        .file =
            "\xEF\xBB\xBF; a comment\r\n# another\r\n[redis]\r\n[lists]\r\n  size = 7 ; so few\r\n"
            "\tttl=0\r\n\r\n[input]\r\ntopic = a,b\r\n[lists]\r\nformat : zset"});
    assert_int_equal(s->lists.size, 7);
    assert_int_equal(s->lists.ttl_s, 0);
    assert_string_equal(s->input.topic, "a,b");
    assert_int_equal(s->lists.format, LIST_ZSET);
    settings_free(s);
}

static void a_long_list_of_brokers_is_not_cut(void **state)
{
    (void)state;
    char brokers[3000] = "", file[3100];
    for (int i = 0; i < 40; i++)
        snprintf(brokers + strlen(brokers), sizeof brokers - strlen(brokers),
                 "%sb-%d.cluster.kafka.eu-west-1.example.com:9096", i ? "," : "", i);
    snprintf(file, sizeof file, "[kafka]\nbootstrap.servers = %s\n", brokers);
    /* Where inih has no way to take such a line, it must be refused, not cut. */
    struct settings_source source = source_of(&(struct given){.file = file});
    struct settings *settings = NULL;
    struct error error;
    if (settings_load(&source, &settings, &error) == STATUS_OK)
        assert_string_equal(kafka_value(settings, "bootstrap.servers"), brokers);
    else
        assert_non_null(strstr(error.text, ":2: this line is longer than"));
    settings_free(settings);
}

static void secrets_come_from_files(void **state)
{
    (void)state;
    char secret[] = "/tmp/tasted-secret-XXXXXX", file[200];
    int descriptor = mkstemp(secret);
    assert_true(descriptor >= 0);
    close(descriptor);
    write_file(secret, "two\nlines\r\n\n", 12);
    snprintf(file, sizeof file, "[kafka]\nsasl.password = @%s\n", secret);
    struct settings *s = load(&(struct given){.file = file});
    assert_string_equal(kafka_value(s, "sasl.password"), "two\nlines");
    settings_free(s);

    write_file(secret, "33\n", 3); /* any value may be one */
    snprintf(file, sizeof file, "[lists]\nsize = @%s\n", secret);
    s = load(&(struct given){.file = file});
    assert_int_equal(s->lists.size, 33);
    settings_free(s);

    write_file(secret, "geheim", 6);
    const char *said = refuse_file(file);
    assert_null(strstr(said, "geheim"));
    assert_non_null(strstr(said, secret));

    write_file(secret, "a\0b", 3);
    assert_non_null(strstr(refuse_file(file), "has a NUL byte"));
    write_file(secret, "\n", 1);
    snprintf(file, sizeof file, "[kafka]\nsasl.password = @%s\n", secret);
    said = refuse_file(file);
    assert_non_null(strstr(said, ":2: kafka.sasl.password: cannot read /tmp/tasted-secret-"));
    assert_non_null(strstr(said, ": it is empty"));
    snprintf(file, sizeof file, "[lists]\nsize = @%s\n", secret);
    unlink(secret);
    said = refuse_file(file);
    assert_non_null(strstr(said, ":2: lists.size: cannot read /tmp/tasted-secret-"));
    assert_non_null(strstr(said, "No such file"));

    s = load(&(struct given){.file = "[redis]\nprefix = @home:\n"}); /* no path */
    assert_string_equal(s->redis_prefix, "@home:");
    settings_free(s);
}

struct wrong {
    const char *file, *said;
};

static void mistakes_are_told_with_place_and_remedy(void **state)
{
    (void)state;
    static const struct wrong cases[] = {
        {"\n[model]\ndim = 63\n",
         ":3: model.dim = 63: must be a whole number from 16 to 512, a multiple of 16"},
        {"[model]\ndim = 64 # odd\n",
         ":2: model.dim = 64 # odd: must be a whole number from 16 to 512, a multiple of 16; a "
         "comment after a value begins with \" ;\""},
        {"[model]\ndim =\n", ":2: model.dim = : must be a whole number"},
        {"[model]\ndmi = 64\n", ":2: unknown key model.dmi; did you mean model.dim?"},
        {"[modle]\nx = 64\n", ":2: unknown section [modle] with the key x; did you mean [model]?"},
        {"[lists]\n[modell]\n[input]\n", ":2: unknown section [modell]; did you mean [model]?"},
        {"# none\n[xyzzy] ; of it\n", ":2: unknown section [xyzzy]; 'tasted config defaults'"},
        {"[Model]\ndim = 64\n", ":2: unknown key Model.dim; did you mean model.dim?"},
        {"[xyzzy]\nx = 64\n",
         ":2: unknown section [xyzzy] with the key x; 'tasted config defaults'"},
        {"[signals]\nskip_belw = 0.2\n",
         ":2: unknown key signals.skip_belw; did you mean signals.skip_below?"},
        {"[signals]\nRating_scale = 1..5\n",
         ":2: unknown key signals.Rating_scale; did you mean signals.rating_scale?"},
        {"[lists]\nxyzzy = 64\n", ":2: unknown key lists.xyzzy; 'tasted config defaults'"},
        {"[lists]\nsize = 1\nttl = 1d\n[lists]\nsize = 1\n",
         ":5: lists.size is set a second time, it was set on line 2; remove one of the two"},
        {"[kafka]\nclient.id = a\nclient.id = b\n",
         ":3: kafka.client.id is set a second time, it was set on line 2"},
        {"dim = 64\n", ":1: the key dim stands before any [section]"},
        {"[model]\ndim 64\n", ":2: this line is no [section], no key = value and no comment"},
        {"[model\ndim = 64\n", ":1: this line is no [section]"},
        {"[model]\nx\n[lists]\ny\n", ":2: this line is no [section]"},
        {"[lists]\nttl = soon\n", ":2: lists.ttl = soon: must be a duration"},
        {"[lists]\nformat = xml\n", ":2: lists.format = xml: must be json, msgpack, list or zset"},
        {"[input]\nstart = yesterday\n", ":2: input.start = yesterday: must be earliest, latest"},
        {"[redis]\nurl = ftp://h\n", ":2: redis.url: "},
        {"[signals]\nforget = 1\n", ":2: signals.forget: forget erases a user"},
        {"[signals]\nplay = many\n", ":2: signals.play = many: must be a number from -100 to 100"},
        {"[signals]\nrating_positive = 1\n",
         ":2: signals.rating_negative (2) must be less than signals.rating_positive (1)"},
        {"[signals]\nrating_scale = 0..1\n", ":2: signals.rating_positive (4) and"},
        {"[signals]\nrating_positive = 9\n", ":2: signals.rating_positive (9) and"},
        {"[input]\ntopic = a,b\n\ndead_letter_topic = b\n",
         ":4: input.dead_letter_topic (b) must be none of input.topic"},
        {"[input]\ntopic = a, tasted.dead\n", ":2: input.dead_letter_topic (tasted.dead) must be"},
        {"[input]\ncatalogue_topic = events\n", ":2: input.catalogue_topic (events) must be a"},
        {"[input]\ncatalogue_topic = tasted.dead\n", ":2: input.catalogue_topic (tasted.dead)"},
        {"[kafka]\nenable.auto.commit = true\n", ":2: kafka.enable.auto.commit"},
        {"[kafka]\ngroup.id = x\n", "input.group"},
        {"[kafka]\nbootstrap.server = x\n",
         ":2: unknown key kafka.bootstrap.server; did you mean kafka.bootstrap.servers?"},
        {"[kafka]\nbootstrap.servers =\n", ":2: kafka.bootstrap.servers: no broker is named"},
        {"[kafka]\nsecurity.protocol = x\n", ":2: kafka.security.protocol"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *said = refuse_file(cases[i].file);
        print_message("%s\n", said);
        assert_non_null(strstr(said, cases[i].said));
    }
}

static void mistakes_elsewhere_name_where(void **state)
{
    (void)state;
    assert_non_null(strstr(refuse(&(struct given){.environment = {"TASTED_MODEL_DIM=9"}}),
                           "TASTED_MODEL_DIM: model.dim = 9: must be"));
    static const char *const unknown[][2] = {
        {"TASTED_MODEL_SED=6", "TASTED_MODEL_SED: unknown variable; did you mean "
                               "TASTED_MODEL_SEED?"},
        {"TASTED_HTTP_LISTN=off", "did you mean TASTED_HTTP_LISTEN?"},
        {"TASTED_HTTP_PORT=80", "TASTED_HTTP_PORT: unknown variable; "},
        {"TASTED_MODEL_seed=6", "did you mean TASTED_MODEL_SEED?"},
        {"TASTED_KAFKA_SASL_PASWORD=x", "did you mean TASTED_KAFKA_SASL_PASSWORD?"},
        {"TASTED_LISTS_XYZZY=1", "unknown variable; 'tasted config defaults' shows"},
        {"TASTED_LISTS_=1", "unknown variable; "},
    };
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
        assert_non_null(
            strstr(refuse(&(struct given){.environment = {unknown[i][0]}}), unknown[i][1]));
    assert_non_null(strstr(refuse(&(struct given){.sets = {"model.dim=9"}}),
                           "--set model.dim: model.dim = 9: must be"));
    assert_non_null(
        strstr(refuse(&(struct given){.sets = {"model.dmi=9"}}), "did you mean model.dim?"));
    static const char *const no_sets[] = {"dim=9", "model.dim", ".dim=1", "model.=1"};
    for (size_t i = 0; i < sizeof no_sets / sizeof no_sets[0]; i++)
        assert_non_null(strstr(refuse_as(&(struct given){.sets = {no_sets[i]}}, STATUS_INVALID),
                               "SECTION.KEY=VALUE"));
    /* A bad value is bad also where another wins over it. */
    refuse(&(struct given){.file = "[model]\ndim = 9\n", .sets = {"model.dim=64"}});
}

static void files_that_cannot_be_read(void **state)
{
    (void)state;
    struct settings *settings = NULL;
    struct error error;
    struct settings_source source = {.file = "/nonexistent/tasted.conf"};
    assert_int_equal(settings_load(&source, &settings, &error), STATUS_BAD_CONFIG);
    assert_non_null(strstr(error.text, "/nonexistent/tasted.conf: No such file"));
    source.file = "/tmp"; /* a folder */
    assert_int_equal(settings_load(&source, &settings, &error), STATUS_BAD_CONFIG);
    assert_non_null(strstr(error.text, "/tmp: Is a directory"));
}

static void count_error(void *context, const struct error *error)
{
    (void)error;
    ++*(int *)context;
}

static void all_mistakes_are_told(void **state)
{
    (void)state;
    int count = 0;
    struct given given = {.file = "[model]\ndim=1\nx=1\nline\n[y]\nz=1\n", .sets = {"a"}};
    struct settings_source source = source_of(&given);
    assert_int_equal(settings_check(&source, count_error, &count, NULL), STATUS_BAD_CONFIG);
    assert_int_equal(count, 5);
    assert_non_null(strstr(refuse(&given), "(and 4 more; 'tasted config check' tells all)"));
}

/* Whatever bytes: an error or settings, never worse. */
static void garbage_does_no_harm(void **state)
{
    (void)state;
    static const char pieces[] = "[]=;:#@/\n\n\r \t.,\0modelistskafk\"'\\\xff\xc3\xa4"
                                 "0123456789";
    uint32_t random = 1;
    for (int round = 0; round < 1000; round++) {
        char bytes[300];
        for (size_t i = 0; i < sizeof bytes; i++) {
            random = random * 1664525 + 1013904223;
            bytes[i] = pieces[(random >> 16) % (sizeof pieces - 1)];
        }
        write_file(path, bytes, sizeof bytes);
        struct settings *settings = NULL;
        struct error error;
        struct settings_source source = {.file = path, .warn = keep_warning};
        settings_load(&source, &settings, &error);
        settings_free(settings);
    }
}

/* ---- reload ---- */

static char reported[2000];

static void keep_report(const char *line)
{
    size_t used = strlen(reported);
    snprintf(reported + used, sizeof reported - used, "%s\n", line);
}

static uint32_t reload(struct settings *running, const char *file)
{
    struct settings *fresh = load(&(struct given){.file = file});
    reported[0] = '\0';
    uint32_t taken = settings_take_live(running, fresh, keep_report);
    settings_free(fresh);
    return taken;
}

static void what_can_change_live_does(void **state)
{
    (void)state;
    struct settings *running = load(&(struct given){0});
    assert_int_equal(reload(running, ""), 0);
    assert_string_equal(reported, "");
    assert_int_equal(reload(running, "[lists]\nsize = 5\nttl = 1d\nrefresh = 1s\nnotify = yes\n"
                                     "[snapshot]\ninterval = 5s\n[log]\nlevel = debug\n"),
                     6);
    assert_string_equal(reported, "");
    assert_int_equal(running->lists.size, 5);
    assert_int_equal(running->lists.ttl_s, 86400);
    assert_int_equal(running->lists.refresh_ms, 1000);
    assert_true(running->lists.notify);
    assert_int_equal(running->snapshot_interval_ms, 5000);
    assert_int_equal(running->log_level, 7);
    assert_int_equal(reload(running, ""), 6); /* and back */
    assert_int_equal(running->lists.size, 100);
    settings_free(running);
}

static void what_cannot_is_told_and_stays(void **state)
{
    (void)state;
    struct settings *running = load(&(struct given){
        .file = "[kafka]\nsasl.password = alt\nclient.id = me\n[input]\ntopic = plays\n"});
    const char *topic = running->input.topic;
    assert_int_equal(reload(running, "[kafka]\nsasl.password = neu\nsasl.username = u\n[input]\n"
                                     "topic = other\n[model]\ndim = 128\n[signals]\nfinish = 2\n"
                                     "[redis]\nurl = redis://:geheim@h/0\n"),
                     0);
    assert_non_null(strstr(reported, "model.dim: stays 64, needs a restart to become 128\n"));
    assert_non_null(strstr(reported, "input.topic: stays plays, "));
    assert_non_null(strstr(reported, "kafka.sasl.password: changed; needs a restart\n"));
    assert_non_null(strstr(reported, "kafka.sasl.username: "));
    assert_non_null(strstr(reported, "kafka.client.id: stays me, needs a restart to become unset"));
    assert_non_null(strstr(reported, "signals.finish: stays unset, needs a restart to become 2"));
    assert_null(strstr(reported, "geheim"));
    assert_null(strstr(reported, "neu"));
    assert_int_equal(running->model.dim, 64);
    assert_string_equal(topic, "plays"); /* what was read before holds */
    assert_ptr_equal(running->input.topic, topic);
    assert_string_equal(kafka_value(running, "sasl.password"), "alt");
    assert_null(kafka_value(running, "sasl.username"));
    settings_free(running);
}

static int make_file(void **state)
{
    (void)state;
    int descriptor = mkstemp(path);
    return descriptor < 0 ? -1 : close(descriptor);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_defaults_are_the_contract),
        cmocka_unit_test(the_defaults_are_the_models),
        cmocka_unit_test(the_order_of_signals_does_not_matter),
        cmocka_unit_test(each_layer_wins_over_the_one_before),
        cmocka_unit_test(wildcard_sections_take_any_name),
        cmocka_unit_test(the_brokers_have_one_name),
        cmocka_unit_test(a_signal_in_the_environment_keeps_its_small_letters),
        cmocka_unit_test(other_variables_are_only_warned_of),
        cmocka_unit_test(ini_files_as_people_write_them),
        cmocka_unit_test(a_long_list_of_brokers_is_not_cut),
        cmocka_unit_test(secrets_come_from_files),
        cmocka_unit_test(mistakes_are_told_with_place_and_remedy),
        cmocka_unit_test(mistakes_elsewhere_name_where),
        cmocka_unit_test(files_that_cannot_be_read),
        cmocka_unit_test(all_mistakes_are_told),
        cmocka_unit_test(garbage_does_no_harm),
        cmocka_unit_test(what_can_change_live_does),
        cmocka_unit_test(what_cannot_is_told_and_stays),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
