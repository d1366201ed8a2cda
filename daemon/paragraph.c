#include "daemon/paragraph.h"

#include <string.h>

/* Its bytes without the continuation bytes: help has no wide or combining characters. */
static int columns(const char *text, size_t size)
{
    int count = 0;
    for (size_t i = 0; i < size; i++)
        count += ((unsigned char)text[i] & 0xC0) != 0x80;
    return count;
}

int paragraph_columns(const char *text)
{
    return columns(text, strlen(text));
}

static void print_lines(FILE *out, const char *prefix, const char *text, int column, int indent,
                        int width)
{
    for (int at_start = 1; *text;) {
        if (*text == '\n') {
            fprintf(out, "\n%s", text[1] == '\n' ? "" : prefix);
            column = paragraph_columns(prefix);
            at_start = 1;
            text++;
            continue;
        }
        size_t size = strcspn(text, " \n");
        int wide = columns(text, size);
        if (!at_start && column + 1 + wide > width) {
            fprintf(out, "\n%s%*s", prefix, indent, "");
            column = paragraph_columns(prefix) + indent;
            at_start = 1;
        }
        fprintf(out, "%s%.*s", at_start ? "" : " ", (int)size, text);
        column += wide + !at_start;
        at_start = 0;
        text += size;
        text += strspn(text, " ");
    }
    fputc('\n', out);
}

void paragraph_print(FILE *out, const char *text, int column, int indent, int width)
{
    print_lines(out, "", text, column, indent, width);
}

void paragraph_print_prefixed(FILE *out, const char *prefix, const char *text, int width)
{
    fputs(prefix, out);
    print_lines(out, prefix, text, paragraph_columns(prefix), 0, width);
}
