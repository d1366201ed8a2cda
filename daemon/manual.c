#include "daemon/manual.h"

#include "daemon/command.h"
#include "daemon/options.h"

#include <ctype.h>
#include <string.h>

#define MANUAL_DATE "November 23, 2026" /* of the last change that a reader would notice */

/* ---- text that roff shall not take for its own ---- */

static unsigned decode_utf8(const char **at)
{
    const unsigned char *byte = (const unsigned char *)*at;
    int more = byte[0] >= 0xF0 ? 3 : byte[0] >= 0xE0 ? 2 : byte[0] >= 0xC0 ? 1 : 0;
    unsigned code = more == 0 ? byte[0] : byte[0] & (0x3Fu >> more);
    for (int i = 1; i <= more; i++)
        code = code << 6 | (byte[i] & 0x3Fu);
    *at += more + 1;
    return code;
}

static void put_code(FILE *out, unsigned code)
{
    if (code == '\\')
        fputs("\\e", out);
    else if (code == '-')
        fputs("\\-", out);
    else if (code == '"')
        fputs("\\(dq", out);
    else if (code < 0x80)
        fputc((int)code, out);
    else
        fprintf(out, "\\[u%04X]", code);
}

/* A paragraph: each sentence begins a line, as roff likes it. */
static void put_text(FILE *out, const char *text)
{
    bool at_start = true;
    while (*text) {
        bool ends = *text == '.' && text[1] == ' ' && isupper((unsigned char)text[2]);
        if (*text == '\n') {
            fputs(at_start ? ".Pp\n" : "\n", out);
            at_start = true;
            text++;
            continue;
        }
        if (at_start && (*text == '.' || *text == '\''))
            fputs("\\&", out);
        put_code(out, decode_utf8(&text));
        at_start = ends;
        if (!ends)
            continue;
        fputc('\n', out);
        text += strspn(text, " ");
    }
    if (!at_start)
        fputc('\n', out);
}

/* One argument of a macro: quoted, so that no word of it is taken for a macro. */
static void put_argument(FILE *out, const char *text)
{
    fputs(" \"", out);
    while (*text)
        put_code(out, decode_utf8(&text));
    fputc('"', out);
}

static void put_line(FILE *out, const char *macro, const char *text)
{
    fputs(macro, out);
    put_argument(out, text);
    fputc('\n', out);
}

/* ---- tasted(1) ---- */

/* ".It Fl \-rate Ar N" */
static void put_command_option(FILE *out, const struct command_option *option)
{
    bool is_long = option->name[1] == '-';
    fprintf(out, ".It Fl %s%s", is_long ? "\\-" : "", option->name + (is_long ? 2 : 1));
    if (option->value) {
        fputs(" Ar", out);
        put_argument(out, option->value);
    }
    fputc('\n', out);
    put_text(out, option->help);
}

static void put_command_options(FILE *out, const struct command_option *option)
{
    if (!option || !option->name)
        return;
    fputs(".Bl -tag -width Ds\n", out);
    for (; option->name; option++)
        put_command_option(out, option);
    fputs(".El\n", out);
}

static void put_commands(FILE *out)
{
    fputs(".Sh COMMANDS\n.Bl -tag -width Ds\n", out);
    for (const struct command *command = commands; command->name; command++) {
        if (!command->help)
            continue;
        fprintf(out, ".It Ic %s", command->name);
        if (command->arguments[0]) {
            fputs(" Ar", out);
            put_argument(out, command->arguments);
        }
        fputc('\n', out);
        put_text(out, command->about);
        put_command_options(out, command->options);
    }
    fputs(".El\n", out);
}

static const char commands_head[] =
    ".Dd " MANUAL_DATE "\n"
    ".Dt TASTED 1\n"
    ".Os\n"
    ".Sh NAME\n"
    ".Nm tasted\n"
    ".Nd recommendations that learn from every event\n"
    ".Sh SYNOPSIS\n"
    ".Nm\n"
    ".Op Fl c Ar file\n"
    ".Op Fl \\-set Ar section.key Ns = Ns Ar value\n"
    ".Ar command\n"
    ".Op Ar argument ...\n"
    ".Sh DESCRIPTION\n"
    ".Nm\n"
    "consumes what people did with items from Kafka, learns from every event as it\n"
    "arrives, and keeps every user's top\\-N list fresh in Redis.\n"
    ".Nm Cm run\n"
    "is the daemon; the other commands need none to run.\n"
    ".Pp\n"
    "What is meant for machines goes to standard output, logs and progress to standard\n"
    "error.\n"
    "These options may stand anywhere before\n"
    ".Ql \\-\\- :\n";

static const char commands_tail[] =
    ".Sh ENVIRONMENT\n"
    ".Bl -tag -width Ds\n"
    ".It Ev TASTED_SECTION_KEY\n"
    "sets the option\n"
    ".Ar section.key ,\n"
    "dots as underscores:\n"
    ".Ev TASTED_KAFKA_BOOTSTRAP_SERVERS .\n"
    "It wins over the file;\n"
    ".Fl \\-set\n"
    "wins over it.\n"
    "A key that the section does not have is an error; a variable of no section is told and\n"
    "left alone.\n"
    ".El\n"
    ".Sh FILES\n"
    ".Bl -tag -width Ds\n"
    ".It Pa " SETTINGS_FILE "\n"
    "the settings; see\n"
    ".Xr tasted.conf 5 .\n"
    ".It Pa /var/lib/tasted/model.snapshot\n"
    "the model, and the offsets of what it has learned from; the generation before it in\n"
    ".Pa model.snapshot.previous .\n"
    ".El\n"
    ".Sh EXIT STATUS\n"
    ".Bl -tag -width Ds\n"
    ".It 0\nAll went well.\n"
    ".It 64\nThe command line is not understood.\n"
    ".It 65\nThe input is not what it should be, or nothing of it can be used.\n"
    ".It 69\nKafka or Redis is out of reach (one\\-shot commands; the daemon waits).\n"
    ".It 70\nAn error within\n.Nm .\n"
    ".It 73\nAn output file cannot be written.\n"
    ".It 74\nReading or writing failed on the way.\n"
    ".It 78\nA setting is bad.\n"
    ".El\n"
    ".Sh SIGNALS\n"
    "The daemon drains, saves and ends at\n"
    ".Dv SIGTERM\n"
    "and\n"
    ".Dv SIGINT ;\n"
    "at\n"
    ".Dv SIGHUP\n"
    "it reads its settings again, takes over what can change while it runs, and says what\n"
    "cannot.\n"
    ".Sh EXAMPLES\n"
    "Check the settings, and that Kafka and Redis can be reached:\n"
    ".Pp\n"
    ".Dl tasted config check \\-\\-connect\n"
    ".Pp\n"
    "Begin a settings file:\n"
    ".Pp\n"
    ".Dl tasted config defaults > tasted.conf\n"
    ".Pp\n"
    "Run with another topic than the file says:\n"
    ".Pp\n"
    ".Dl tasted \\-\\-set input.topic=plays run\n"
    ".Sh SEE ALSO\n"
    ".Xr tasted.conf 5\n";

void manual_print_commands(FILE *out)
{
    fputs(commands_head, out);
    put_command_options(out, common_options);
    put_commands(out);
    fputs(commands_tail, out);
}

/* ---- tasted.conf(5) ---- */

static const char settings_head[] =
    ".Dd " MANUAL_DATE "\n"
    ".Dt TASTED.CONF 5\n"
    ".Os\n"
    ".Sh NAME\n"
    ".Nm tasted.conf\n"
    ".Nd settings of tasted\n"
    ".Sh DESCRIPTION\n"
    "An INI file:\n"
    ".Ql [section]\n"
    "lines, and\n"
    ".Ql key = value\n"
    "lines below them.\n"
    "A line that begins with\n"
    ".Ql #\n"
    "or\n"
    ".Ql \\&;\n"
    "is a comment; so is what follows a value and a blank with\n"
    ".Ql \\&; .\n"
    "A key that is not known, a value that is out of range and a key that is set twice are\n"
    "errors, told with file, line and what is allowed.\n"
    ".Pp\n"
    "Each option has a default.\n"
    "The file wins over it, the environment\n"
    ".Pq Ev TASTED_SECTION_KEY , No dots as underscores\n"
    "over the file, and\n"
    ".Ql \\-\\-set section.key=value\n"
    "over the environment.\n"
    "A variable of a section that names no key of it is an error too, but for those that\n"
    "Kubernetes sets by itself for a service named tasted\\-kafka and the like; these, and\n"
    "variables of no section, are told and left alone.\n"
    "The name of a signal may keep its small letters:\n"
    ".Ev TASTED_SIGNALS_addToCart ;\n"
    "one all in capitals is taken in small ones.\n"
    ".Pp\n"
    "Any value may be\n"
    ".Ql @/path :\n"
    "it is then read from that file, without the newline at its end.\n"
    "Keep passwords in files of their own this way;\n"
    ".Ql tasted config show\n"
    "never prints them.\n"
    ".Pp\n"
    "Sizes are bytes, or with K, M, G or T in powers of 1024; durations take ms, s, m, h, d or\n"
    "w; times are milliseconds since 1970 or RFC 3339.\n"
    "In words that stand for a value small and capital letters are the same; yes may also be\n"
    "true, on or 1, no false, off or 0.\n"
    ".Pp\n"
    "Options marked\n"
    ".Em live\n"
    "change with\n"
    ".Dv SIGHUP ,\n"
    "the others with a restart.\n"
    "Those marked\n"
    ".Em shapes the model\n"
    "are kept in the snapshot, and a snapshot that was made with other values is refused.\n";

static void put_option(FILE *out, const struct option *option)
{
    char allowed[OPTION_ALLOWED];
    option->type->allowed(option, allowed);
    if (option_is_wildcard(option))
        fputs(".It Ar key\n", out);
    else
        put_line(out, ".It Cm", option->key);
    put_text(out, option->help);
    fputs(".br\nAllowed:\n", out);
    put_text(out, allowed);
    if (option->initial) {
        fputs(".br\nDefault:\n", out);
        if (option->initial[0])
            put_line(out, ".Li", option->initial);
        else
            fputs("empty\n", out);
    }
    if (option->flags & OPTION_LIVE)
        fputs(".Pq Em live\n", out);
    if (option->flags & OPTION_SHAPES)
        fputs(".Pq Em shapes the model\n", out);
}

void manual_print_settings(FILE *out)
{
    fputs(settings_head, out);
    fputs(".Sh OPTIONS\n", out);
    for (const struct option_section *section = option_sections; section->name; section++) {
        fprintf(out, ".Ss [%s]\n", section->name);
        put_text(out, section->help);
        fputs(".Bl -tag -width Ds\n", out);
        for (const struct option *option = options; option->section; option++)
            if (strcmp(option->section, section->name) == 0)
                put_option(out, option);
        fputs(".El\n", out);
    }
    fputs(".Sh FILES\n.Bl -tag -width Ds\n.It Pa " SETTINGS_FILE "\n", out);
    fputs("read unless\n.Fl c\nnames another; it may be absent.\n.El\n", out);
    fputs(".Sh EXAMPLES\n.Bd -literal -offset indent\n", out);
    fputs("[kafka]\nbootstrap.servers = kafka1:9093,kafka2:9093\nsecurity.protocol = SASL_SSL\n"
          "sasl.mechanisms = SCRAM\\-SHA\\-512\nsasl.username = tasted\n"
          "sasl.password = @/run/credentials/tasted.service/kafka\n\n"
          "[input]\ntopic = plays\nuser = properties.userId\n\n"
          "[signals]\nfinish = 1.5\n.Ed\n",
          out);
    fputs(".Sh SEE ALSO\n.Xr tasted 1\n", out);
}
