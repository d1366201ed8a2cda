/* The kinds of values that are not about tasted: numbers, words, sizes, durations, strings. */
#include "daemon/option_types.h"

#include "daemon/quantity.h"
#include "transport/log.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum status option_refuse(struct error *error)
{
    return error_set(error, STATUS_BAD_CONFIG, "%s", "");
}

bool option_is_none(const struct option *option, const char *text)
{
    return option->none && strcasecmp(text, option->none) == 0;
}

static bool in_range(const struct option *option, double number)
{
    return number >= option->low && number <= option->high &&
           (option->step == 0 || fmod(number, option->step) == 0);
}

/* "WHAT from LOW to HIGH, a multiple of STEP, or NONE" */
static void say_range(const struct option *option, const char *what, const char *low,
                      const char *high, char out[OPTION_ALLOWED])
{
    char step[64] = "", none[64] = "";
    if (option->step > 0)
        snprintf(step, sizeof step, ", a multiple of %.9g", option->step);
    if (option->none)
        snprintf(none, sizeof none, ", or %s", option->none);
    snprintf(out, OPTION_ALLOWED, "%s from %s to %s%s%s", what, low, high, step, none);
}

static void count_allowed(const struct option *option, char out[OPTION_ALLOWED])
{
    char low[QUANTITY_TEXT], high[QUANTITY_TEXT];
    snprintf(low, sizeof low, "%.0f", option->low);
    /* The greatest uint64_t is no double: it would print as one too many. */
    if (option->high >= 18446744073709551615.0)
        snprintf(high, sizeof high, "%" PRIu64, UINT64_MAX);
    else
        snprintf(high, sizeof high, "%.0f", option->high);
    say_range(option, "a whole number", low, high, out);
}

/* ---- count: uint32_t; long count: uint64_t ---- */

static bool parse_count(const struct option *option, const char *text, uint64_t *number)
{
    *number = 0;
    return option_is_none(option, text) ||
           (quantity_parse_count(text, number) && in_range(option, (double)*number));
}

static enum status count_parse(struct settings *settings, struct option_slot slot, const char *text,
                               struct error *error)
{
    uint64_t number;
    if (!parse_count(slot.option, text, &number) || number > UINT32_MAX)
        return option_refuse(error);
    *(uint32_t *)option_field(settings, slot.option) = (uint32_t)number;
    return STATUS_OK;
}

static const char *count_print(const struct settings *settings, struct option_slot slot,
                               char scratch[OPTION_SCRATCH])
{
    const uint32_t *field = option_field_of(settings, slot.option);
    if (*field == 0 && slot.option->none)
        return slot.option->none;
    snprintf(scratch, OPTION_SCRATCH, "%" PRIu32, *field);
    return scratch;
}

static enum status long_count_parse(struct settings *settings, struct option_slot slot,
                                    const char *text, struct error *error)
{
    uint64_t number;
    if (!parse_count(slot.option, text, &number))
        return option_refuse(error);
    *(uint64_t *)option_field(settings, slot.option) = number;
    return STATUS_OK;
}

static const char *long_count_print(const struct settings *settings, struct option_slot slot,
                                    char scratch[OPTION_SCRATCH])
{
    const uint64_t *field = option_field_of(settings, slot.option);
    snprintf(scratch, OPTION_SCRATCH, "%" PRIu64, *field);
    return scratch;
}

/* ---- number: float ---- */

void option_print_float(float number, char *out, size_t size)
{
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(out, size, "%.*g", digits, (double)number);
        if (strtof(out, NULL) == number)
            return;
    }
}

static enum status number_parse(struct settings *settings, struct option_slot slot,
                                const char *text, struct error *error)
{
    double number;
    if (!quantity_parse_number(text, &number) || !in_range(slot.option, number))
        return option_refuse(error);
    *(float *)option_field(settings, slot.option) = (float)number + 0.0F; /* -0 becomes 0 */
    return STATUS_OK;
}

static const char *number_print(const struct settings *settings, struct option_slot slot,
                                char scratch[OPTION_SCRATCH])
{
    const float *field = option_field_of(settings, slot.option);
    option_print_float(*field, scratch, OPTION_SCRATCH);
    return scratch;
}

static void number_allowed(const struct option *option, char out[OPTION_ALLOWED])
{
    char low[QUANTITY_TEXT], high[QUANTITY_TEXT];
    snprintf(low, sizeof low, "%.9g", option->low);
    snprintf(high, sizeof high, "%.9g", option->high);
    say_range(option, "a number", low, high, out);
}

/* ---- switch: bool ---- */

static const struct option_word switch_words[] = {
    {"yes", 1}, {"no", 0}, {"true", 1}, {"false", 0}, {"on", 1},
    {"off", 0}, {"1", 1},  {"0", 0},    {NULL, 0},
};

static enum status switch_parse(struct settings *settings, struct option_slot slot,
                                const char *text, struct error *error)
{
    const struct option_word *word = option_word_named(switch_words, text);
    if (!word)
        return option_refuse(error);
    *(bool *)option_field(settings, slot.option) = word->value == 1;
    return STATUS_OK;
}

static const char *switch_print(const struct settings *settings, struct option_slot slot,
                                char scratch[OPTION_SCRATCH])
{
    (void)scratch;
    const bool *field = option_field_of(settings, slot.option);
    return *field ? "yes" : "no";
}

static void switch_allowed(const struct option *option, char out[OPTION_ALLOWED])
{
    (void)option;
    snprintf(out, OPTION_ALLOWED, "yes or no");
}

/* ---- words: an int or enum ---- */

const struct option_word *option_word_named(const struct option_word *words, const char *text)
{
    for (; words->name; words++)
        if (strcasecmp(words->name, text) == 0)
            return words;
    return NULL;
}

static enum status words_parse(struct settings *settings, const struct option *option,
                               const struct option_word *words, const char *text,
                               struct error *error)
{
    const struct option_word *word = option_word_named(words, text);
    if (!word)
        return option_refuse(error);
    memcpy(option_field(settings, option), &word->value, sizeof word->value);
    return STATUS_OK;
}

static const char *words_print(const struct settings *settings, const struct option *option,
                               const struct option_word *words)
{
    int value;
    memcpy(&value, option_field_of(settings, option), sizeof value);
    while (words->name && words->value != value)
        words++;
    return words->name ? words->name : "?";
}

static void words_allowed(const struct option_word *words, char out[OPTION_ALLOWED])
{
    int used = snprintf(out, OPTION_ALLOWED, "%s", words->name);
    for (words++; words->name; words++)
        used += snprintf(out + used, OPTION_ALLOWED - (size_t)used, "%s%s",
                         words[1].name ? ", " : " or ", words->name);
}

static const struct option_word list_formats[] = {
    {"json", LIST_JSON}, {"msgpack", LIST_MSGPACK}, {"list", LIST_IDS}, {"zset", LIST_ZSET},
    {NULL, 0},
};
static const struct option_word log_levels[] = {
    {"error", LOG_LEVEL_ERROR}, {"warning", LOG_LEVEL_WARNING}, {"notice", LOG_LEVEL_NOTICE},
    {"info", LOG_LEVEL_INFO},   {"debug", LOG_LEVEL_DEBUG},     {NULL, 0},
};
static const struct option_word loss_names[] = {
    {"softmax", LOSS_SOFTMAX},   {"bpr", LOSS_BPR},         {"warp", LOSS_WARP},
    {"logistic", LOSS_LOGISTIC}, {"squared", LOSS_SQUARED}, {NULL, 0},
};
static const struct option_word kernel_names[] = {
    {"auto", KERNEL_BEST},
    {"plain", KERNEL_PLAIN},
    {"avx2", KERNEL_AVX2},
    {"avx512", KERNEL_AVX512},
    {NULL, 0},
};
_Static_assert(sizeof(enum kernel_choice) == sizeof(int), "words are read into an int");
_Static_assert(sizeof(enum list_format) == sizeof(int), "words are read into an int");
_Static_assert(sizeof(enum loss_id) == sizeof(int), "words are read into an int");

/* Three functions around one list of words. */
#define WORDS_TYPE(type, words)                                                                    \
    static enum status type##_parse(struct settings *settings, struct option_slot slot,            \
                                    const char *text, struct error *error)                         \
    {                                                                                              \
        return words_parse(settings, slot.option, words, text, error);                             \
    }                                                                                              \
    static const char *type##_print(const struct settings *settings, struct option_slot slot,      \
                                    char scratch[OPTION_SCRATCH])                                  \
    {                                                                                              \
        (void)scratch;                                                                             \
        return words_print(settings, slot.option, words);                                          \
    }                                                                                              \
    static void type##_allowed(const struct option *option, char out[OPTION_ALLOWED])              \
    {                                                                                              \
        (void)option;                                                                              \
        words_allowed(words, out);                                                                 \
    }
WORDS_TYPE(list_format, list_formats)
WORDS_TYPE(log_level, log_levels)
WORDS_TYPE(loss, loss_names)
WORDS_TYPE(kernel, kernel_names)

/* ---- size: uint64_t, bytes ---- */

static enum status size_parse(struct settings *settings, struct option_slot slot, const char *text,
                              struct error *error)
{
    uint64_t bytes = 0;
    if (!option_is_none(slot.option, text) &&
        (!quantity_parse_size(text, &bytes) || !in_range(slot.option, (double)bytes)))
        return option_refuse(error);
    *(uint64_t *)option_field(settings, slot.option) = bytes;
    return STATUS_OK;
}

static const char *size_print(const struct settings *settings, struct option_slot slot,
                              char scratch[OPTION_SCRATCH])
{
    const uint64_t *field = option_field_of(settings, slot.option);
    if (*field == 0 && slot.option->none)
        return slot.option->none;
    quantity_print_size(*field, scratch);
    return scratch;
}

static void size_allowed(const struct option *option, char out[OPTION_ALLOWED])
{
    char low[QUANTITY_TEXT], high[QUANTITY_TEXT];
    quantity_print_size((uint64_t)option->low, low);
    quantity_print_size((uint64_t)option->high, high);
    say_range(option, "bytes, or with K, M, G or T,", low, high, out);
}

/* ---- durations: int64_t in ms or in s ---- */

static enum status duration_parse(struct settings *settings, const struct option *option,
                                  int64_t unit_ms, const char *text, struct error *error)
{
    int64_t ms, units = 0;
    if (!option_is_none(option, text)) {
        if (!quantity_parse_duration(text, unit_ms, &ms) || ms % unit_ms != 0)
            return option_refuse(error);
        units = ms / unit_ms;
        if (!in_range(option, (double)units))
            return option_refuse(error);
    }
    *(int64_t *)option_field(settings, option) = units;
    return STATUS_OK;
}

static const char *duration_print(const struct settings *settings, const struct option *option,
                                  int64_t unit_ms, char *out)
{
    const int64_t *field = option_field_of(settings, option);
    if (*field == 0 && option->none)
        return option->none;
    quantity_print_duration(*field * unit_ms, out);
    return out;
}

static void duration_allowed(const struct option *option, int64_t unit_ms, const char *units,
                             char out[OPTION_ALLOWED])
{
    char low[QUANTITY_TEXT], high[QUANTITY_TEXT];
    quantity_print_duration((int64_t)option->low * unit_ms, low);
    quantity_print_duration((int64_t)option->high * unit_ms, high);
    say_range(option, units, low, high, out);
}

static enum status ms_parse(struct settings *settings, struct option_slot slot, const char *text,
                            struct error *error)
{
    return duration_parse(settings, slot.option, 1, text, error);
}

static const char *ms_print(const struct settings *settings, struct option_slot slot,
                            char scratch[OPTION_SCRATCH])
{
    return duration_print(settings, slot.option, 1, scratch);
}

static void ms_allowed(const struct option *option, char out[OPTION_ALLOWED])
{
    duration_allowed(option, 1, "a duration (ms, s, m, h, d, w; ms if not said)", out);
}

static enum status seconds_parse(struct settings *settings, struct option_slot slot,
                                 const char *text, struct error *error)
{
    return duration_parse(settings, slot.option, 1000, text, error);
}

static const char *seconds_print(const struct settings *settings, struct option_slot slot,
                                 char scratch[OPTION_SCRATCH])
{
    return duration_print(settings, slot.option, 1000, scratch);
}

static void seconds_allowed(const struct option *option, char out[OPTION_ALLOWED])
{
    duration_allowed(option, 1000, "a duration in whole seconds (s, m, h, d, w; s if not said)",
                     out);
}

/* ---- strings ---- */

enum status option_keep_text(struct settings *settings, const struct option *option,
                             const char *text, struct error *error)
{
    const char *kept = settings_keep(settings, text);
    if (!kept)
        return error_set(error, STATUS_NO_MEMORY, "no memory for the settings");
    *(const char **)option_field(settings, option) = kept;
    return STATUS_OK;
}

const char *option_print_text(const struct settings *settings, struct option_slot slot,
                              char scratch[OPTION_SCRATCH])
{
    (void)scratch;
    const char *const *field = option_field_of(settings, slot.option);
    return *field;
}

static enum status text_parse(struct settings *settings, struct option_slot slot, const char *text,
                              struct error *error)
{
    double size = (double)strlen(text);
    if (size < slot.option->low || size > slot.option->high)
        return option_refuse(error);
    return option_keep_text(settings, slot.option, text, error);
}

static void text_allowed(const struct option *option, char out[OPTION_ALLOWED])
{
    snprintf(out, OPTION_ALLOWED, "a text of %.0f to %.0f bytes", option->low, option->high);
}

static enum status path_parse(struct settings *settings, struct option_slot slot, const char *text,
                              struct error *error)
{
    size_t size = strlen(text);
    if (size == 0 || size > 4000 || text[size - 1] == '/')
        return option_refuse(error);
    return option_keep_text(settings, slot.option, text, error);
}

static void path_allowed(const struct option *option, char out[OPTION_ALLOWED])
{
    (void)option;
    snprintf(out, OPTION_ALLOWED, "the path of a file");
}

const struct option_type type_count = {"whole number", count_parse, count_print, count_allowed};
const struct option_type type_long_count = {"whole number", long_count_parse, long_count_print,
                                            count_allowed};
const struct option_type type_number = {"number", number_parse, number_print, number_allowed};
const struct option_type type_switch = {"yes or no", switch_parse, switch_print, switch_allowed};
const struct option_type type_list_format = {"word", list_format_parse, list_format_print,
                                             list_format_allowed};
const struct option_type type_loss = {"word", loss_parse, loss_print, loss_allowed};
const struct option_type type_kernel = {"word", kernel_parse, kernel_print, kernel_allowed};
const struct option_type type_log_level = {"word", log_level_parse, log_level_print,
                                           log_level_allowed};
const struct option_type type_size = {"size", size_parse, size_print, size_allowed};
const struct option_type type_ms = {"duration", ms_parse, ms_print, ms_allowed};
const struct option_type type_seconds = {"duration", seconds_parse, seconds_print, seconds_allowed};
const struct option_type type_text = {"text", text_parse, option_print_text, text_allowed};
const struct option_type type_path = {"path", path_parse, option_print_text, path_allowed};
