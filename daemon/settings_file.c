#include "daemon/settings_file.h"

#include "daemon/options.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* inih cuts lines at a limit that is fixed when it is built: 200 bytes, too few for a list of
 * brokers. Debian's lets us raise it; where these are not there, a longer line is refused. */
/* NOLINTBEGIN(readability-redundant-declaration): not every ini.h declares them. */
extern int ini_max_line __attribute__((weak));
extern int ini_initial_alloc __attribute__((weak));
extern bool ini_use_stack __attribute__((weak));
/* NOLINTEND(readability-redundant-declaration) */

struct line_reader {
    const struct settings_file_reader *reader;
    FILE *file;
    char *line; /* getline's */
    size_t room;
    int number;
    bool owes_pair; /* the line given last is to become a key and a value */
    bool complained;
    char section[OPTION_NAME]; /* it has no pair yet; "": it has, or there is none */
    int section_line;
};

static void allow_long_lines(void)
{
    if (!&ini_max_line || !&ini_initial_alloc || !&ini_use_stack)
        return;
    ini_use_stack = false;
    ini_max_line = OPTION_VALUE_MAX + 512;
    ini_initial_alloc = OPTION_VALUE_MAX + 512;
}

static void complain(struct line_reader *lines, const char *why)
{
    lines->complained = true;
    lines->owes_pair = false;
    lines->reader->bad_line(lines->reader->context, lines->number, why);
}

/* inih tells only of the first line that it does not understand, and only at the end. */
static void check_debt(struct line_reader *lines)
{
    if (lines->owes_pair)
        complain(lines, "is no [section], no key = value and no comment");
}

static void end_section(struct line_reader *lines)
{
    if (lines->section[0])
        lines->reader->empty_section(lines->reader->context, lines->section_line, lines->section);
    lines->section[0] = '\0';
}

static void begin_section(struct line_reader *lines, const char *name, size_t size)
{
    end_section(lines);
    lines->section_line = lines->number;
    snprintf(lines->section, sizeof lines->section, "%.*s", (int)size, name);
}

/* inih tells of a section only with its keys. */
static void look_at(struct line_reader *lines, const char *text)
{
    static const char mark[] = "\xEF\xBB\xBF"; /* some editors begin a file with it */
    if (strncmp(text, mark, 3) == 0)
        text += 3;
    text += strspn(text, " \t\r\n\f\v");
    const char *bracket = *text == '[' ? strchr(text, ']') : NULL;
    if (bracket)
        begin_section(lines, text + 1, (size_t)(bracket - text - 1));
    lines->owes_pair = *text && !strchr(";#", *text) && !bracket;
}

/* inih's fgets(): counts the lines, takes the indentation away (inih would append an indented line
 * to the value before it), and lets no line through that inih would cut. */
static char *next_line(char *out, int room, void *stream)
{
    struct line_reader *lines = stream;
    check_debt(lines);
    ssize_t size = getline(&lines->line, &lines->room, lines->file);
    if (size < 0)
        return NULL;
    lines->number++;
    const char *text = lines->line + strspn(lines->line, " \t");
    size_t length = strlen(text);
    look_at(lines, text);
    char why[96] = "";
    if (strlen(lines->line) != (size_t)size)
        snprintf(why, sizeof why, "has a NUL byte");
    else if (length + 3 > (size_t)room)
        snprintf(why, sizeof why,
                 "is longer than %d bytes; put the value in a file and write @/path", room - 3);
    if (why[0]) {
        complain(lines, why);
        text = "\n";
        length = 1;
    }
    memcpy(out, text, length + 1);
    return out;
}

static int take_pair(void *context, const char *section, const char *name, const char *value)
{
    struct line_reader *lines = context;
    lines->owes_pair = false;
    lines->section[0] = '\0';
    lines->reader->pair(lines->reader->context, lines->number, section, name, value);
    return 1;
}

/* The handler is given what ini_parse_stream() gets as user, the reader what it gets as stream. */
enum status settings_file_read(const char *path, const struct settings_file_reader *reader,
                               struct error *error)
{
    enum status status = STATUS_OK;
    struct line_reader lines = {.reader = reader, .file = fopen(path, "re")};
    if (!lines.file)
        return error_set(error, errno == ENOENT ? STATUS_NOT_FOUND : STATUS_BAD_CONFIG,
                         "cannot read the settings in %s: %s", path, strerror(errno));
    allow_long_lines();
    errno = 0;
    int bad = ini_parse_stream(next_line, &lines, take_pair, &lines);
    end_section(&lines);
    if (ferror(lines.file))
        status = error_set(error, STATUS_BAD_CONFIG, "cannot read the settings in %s: %s", path,
                           strerror(errno));
    else if (bad > 0 && !lines.complained)
        reader->bad_line(reader->context, bad, "is no [section], no key = value and no comment");
    else if (bad < 0)
        status = error_set(error, STATUS_NO_MEMORY, "no memory to read %s", path);
    if (lines.line)
        explicit_bzero(lines.line, lines.room);
    free(lines.line);
    fclose(lines.file);
    return status;
}

char *settings_secret_read(const char *path, struct error *error)
{
    char *text = NULL;
    FILE *file = fopen(path, "re");
    if (!file) {
        error_set(error, STATUS_BAD_CONFIG, "cannot read %s: %s", path, strerror(errno));
        return NULL;
    }
    text = malloc(OPTION_VALUE_MAX + 1);
    if (!text) {
        error_set(error, STATUS_NO_MEMORY, "no memory to read %s", path);
        goto out;
    }
    size_t size = fread(text, 1, OPTION_VALUE_MAX + 1, file);
    const char *why = ferror(file)               ? strerror(errno)
                      : size > OPTION_VALUE_MAX  ? "more than 64 KiB"
                      : memchr(text, '\0', size) ? "has a NUL byte"
                                                 : NULL;
    while (!why && size > 0 && (text[size - 1] == '\n' || text[size - 1] == '\r'))
        size--;
    if (!why && size == 0)
        why = "it is empty";
    if (why) {
        error_set(error, STATUS_BAD_CONFIG, "cannot read %s: %s", path, why);
        free(text);
        text = NULL;
        goto out;
    }
    text[size] = '\0';
out:
    fclose(file);
    return text;
}
