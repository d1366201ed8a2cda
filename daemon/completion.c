#include "daemon/completion.h"

#include "daemon/command.h"
#include "daemon/options.h"

#include <ctype.h>
#include <string.h>

static const char generated[] = "made by 'tasted generate': do not edit";

/* "FILE…" takes files. */
static bool takes_files(const char *text)
{
    return text && strstr(text, "FILE") != NULL;
}

/* The words of "a|b|c REST…", separated by blanks; "" if it is no such choice, nor is "FILE…|--d".
 */
static void choices(const char *text, char *out, size_t size)
{
    size_t length = text ? strcspn(text, " ") : 0;
    out[0] = '\0';
    if (!text || !memchr(text, '|', length) || !islower((unsigned char)text[0]))
        return;
    snprintf(out, size, "%.*s", (int)length, text);
    for (char *at = out; *at; at++)
        if (*at == '|')
            *at = ' ';
}

static void put_keys(FILE *out, const char *separator, const char *after)
{
    const char *between = "";
    for (const struct option *option = options; option->section; option++) {
        if (option_is_wildcard(option))
            continue;
        fprintf(out, "%s%s.%s%s", between, option->section, option->key, after);
        between = separator;
    }
}

/* Text within single quotes; `also` are further characters that need a backslash before them. */
static void put_quoted(FILE *out, const char *text, const char *also)
{
    for (; *text; text++) {
        if (*text == '\'')
            fputs("'\\''", out);
        else if (strchr(also, *text))
            fprintf(out, "\\%c", *text);
        else
            fputc(*text, out);
    }
}

/* ---- bash ---- */

static void put_bash_values(FILE *out, const struct command *command)
{
    const struct command_option *option = command->options;
    for (; option && option->name; option++) {
        char words[200];
        choices(option->value, words, sizeof words);
        if (!option->value)
            continue;
        fprintf(out, "    %s:%s) ", command->name, option->name);
        if (words[0])
            fprintf(out, "COMPREPLY=($(compgen -W '%s' -- \"$cur\")); return ;;\n", words);
        else if (takes_files(option->value))
            fprintf(out, "COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n");
        else
            fprintf(out, "return ;;\n");
    }
}

static void put_bash_command(FILE *out, const struct command *command)
{
    char words[200];
    choices(command->arguments, words, sizeof words);
    fprintf(out, "    %s) words='%s'; files=%s; options='", command->name, words,
            takes_files(command->arguments) ? "yes" : "");
    const struct command_option *option = command->options;
    for (const char *between = ""; option && option->name; option++, between = " ")
        fprintf(out, "%s%s", between, option->name);
    fprintf(out, "' ;;\n");
}

static const char bash_head[] =
    "_tasted() {\n"
    "  local cur=${COMP_WORDS[COMP_CWORD]} prev='' command='' words='' options='' files='' i\n"
    "  ((COMP_CWORD > 0)) && prev=${COMP_WORDS[COMP_CWORD-1]}\n"
    "  COMPREPLY=()\n"
    "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
    "    case ${COMP_WORDS[i]} in\n"
    "    -c|--config|--set) ((i++)) ;;\n"
    "    -*|=) ;;\n"
    "    *) command=${COMP_WORDS[i]}; break ;;\n"
    "    esac\n"
    "  done\n"
    "  case $prev in\n"
    "  -c|--config) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n"
    "  --set)\n"
    "    compopt -o nospace 2>/dev/null\n"
    "    COMPREPLY=($(compgen -W \"$_tasted_keys\" -- \"$cur\")); return ;;\n"
    "  esac\n";

void completion_print_bash(FILE *out)
{
    fprintf(out, "# bash completion for tasted; %s\n_tasted_keys='", generated);
    put_keys(out, "\n", "=");
    fprintf(out, "'\n%s  case $command:$prev in\n", bash_head);
    const struct command *command;
    for (command = commands; command->name; command++)
        if (command->help)
            put_bash_values(out, command);
    fprintf(out, "  esac\n  case $command in\n    '') words='");
    for (command = commands; command->name; command++)
        if (command->help)
            fprintf(out, "%s ", command->name);
    fprintf(out, "help' ;;\n");
    for (command = commands; command->name; command++)
        if (command->help)
            put_bash_command(out, command);
    fprintf(out, "  esac\n"
                 "  if [[ $cur == -* ]]; then\n"
                 "    words=\"$options -c --set --help --version\"\n"
                 "  elif [[ -n $files ]]; then\n"
                 "    COMPREPLY=($(compgen -f -- \"$cur\"))\n"
                 "  fi\n"
                 "  COMPREPLY+=($(compgen -W \"$words\" -- \"$cur\"))\n"
                 "}\n"
                 "complete -o filenames -F _tasted tasted\n");
}

/* ---- zsh ---- */

/* ":what:action" of a value or argument. */
static void put_zsh_action(FILE *out, const char *text)
{
    char words[200];
    choices(text, words, sizeof words);
    if (words[0])
        fprintf(out, ":(%s)", words);
    else
        fputs(takes_files(text) ? ":_files" : ": ", out);
}

static void put_zsh_options(FILE *out, const struct command_option *option)
{
    for (; option && option->name; option++) {
        fprintf(out, " \\\n        '*%s[", option->name);
        put_quoted(out, option->help, "[]:");
        fputc(']', out);
        if (option->value) {
            fputs(":value", out);
            put_zsh_action(out, option->value);
        }
        fputc('\'', out);
    }
}

static void put_zsh_command(FILE *out, const struct command *command)
{
    fprintf(out, "      %s) _arguments", command->name);
    put_zsh_options(out, command->options);
    char words[200];
    choices(command->arguments, words, sizeof words);
    if (words[0]) {
        fputs(" \\\n        '1:what", out);
        put_zsh_action(out, command->arguments);
        fputc('\'', out);
    }
    if (takes_files(command->arguments))
        fputs(" \\\n        '*:file:_files'", out);
    fputs(" ;;\n", out);
}

void completion_print_zsh(FILE *out)
{
    fprintf(out, "#compdef tasted\n# zsh completion for tasted; %s\n_tasted() {\n", generated);
    fprintf(out, "  local context state state_descr line\n  typeset -A opt_args\n"
                 "  local -a keys commands\n  keys=(");
    put_keys(out, " ", "=");
    fprintf(out, ")\n  commands=(\n");
    const struct command *command;
    for (command = commands; command->name; command++) {
        if (!command->help)
            continue;
        fprintf(out, "    '%s:", command->name);
        put_quoted(out, command->help, "");
        fprintf(out, "'\n");
    }
    fprintf(out, "  )\n"
                 "  _arguments -C '-c[the settings file]:file:_files' \\\n"
                 "    '*--set[sets one option]:setting:compadd -S \"\" -a keys' \\\n"
                 "    '--help[what a command does and takes]' '--version[the version]' \\\n"
                 "    '1:command:->command' '*::argument:->argument'\n"
                 "  case $state in\n"
                 "  command) _describe command commands ;;\n"
                 "  argument)\n    case $words[1] in\n");
    for (command = commands; command->name; command++)
        if (command->help)
            put_zsh_command(out, command);
    fprintf(out, "    esac ;;\n  esac\n}\n_tasted \"$@\"\n");
}

/* ---- fish ---- */

static void put_fish_option(FILE *out, const char *condition, const struct command_option *option)
{
    char words[200];
    bool is_long = option->name[1] == '-';
    fprintf(out, "complete -c tasted%s%s%s -%c %s",
            condition ? " -n '__fish_seen_subcommand_from " : "", condition ? condition : "",
            condition ? "'" : "", is_long ? 'l' : 's', option->name + (is_long ? 2 : 1));
    if (option->value) {
        choices(option->value, words, sizeof words);
        fputs(takes_files(option->value) ? " -rF" : " -x", out);
        if (words[0])
            fprintf(out, " -a '%s'", words);
        if (strcmp(option->name, "--set") == 0)
            fputs(" -a \"$__tasted_keys\"", out);
    }
    fputs(" -d '", out);
    put_quoted(out, option->help, "");
    fputs("'\n", out);
}

static void put_fish_command(FILE *out, const struct command *command)
{
    char words[200];
    fprintf(out, "complete -c tasted -n __fish_use_subcommand -a %s -d '", command->name);
    put_quoted(out, command->help, "");
    fputs("'\n", out);
    choices(command->arguments, words, sizeof words);
    if (words[0])
        fprintf(out, "complete -c tasted -n '__fish_seen_subcommand_from %s' -a '%s'\n",
                command->name, words);
    if (takes_files(command->arguments))
        fprintf(out, "complete -c tasted -n '__fish_seen_subcommand_from %s' -F\n", command->name);
    for (const struct command_option *option = command->options; option && option->name; option++)
        put_fish_option(out, command->name, option);
}

void completion_print_fish(FILE *out)
{
    fprintf(out, "# fish completion for tasted; %s\nset -g __tasted_keys '", generated);
    put_keys(out, " ", "=");
    fprintf(out, "'\ncomplete -c tasted -f\n");
    for (const struct command_option *option = common_options; option->name; option++)
        put_fish_option(out, NULL, option);
    for (const struct command *command = commands; command->name; command++)
        if (command->help)
            put_fish_command(out, command);
}
