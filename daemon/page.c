#include "daemon/page.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Within a <script>, "<" could end it or begin a comment; in JSON it stands in strings only. */
static int write_escaped(const char *text, size_t size, void *file)
{
    for (size_t n = 0; n < size; n++)
        if ((text[n] == '<' ? fputs("\\u003c", file) : fputc((unsigned char)text[n], file)) == EOF)
            return -1;
    return 0;
}

static bool write_bytes(const unsigned char *bytes, size_t size, FILE *file)
{
    return fwrite(bytes, 1, size, file) == size;
}

/* What a marker of report.html, @NAME@, stands for. */
static bool write_piece(const char *name, size_t size, const json_t *report, FILE *file)
{
    if (strncmp(name, "css", size) == 0)
        return write_bytes(page_css, page_css_size, file);
    if (strncmp(name, "licence", size) == 0)
        return write_bytes(page_licence, page_licence_size, file);
    if (strncmp(name, "chart", size) == 0)
        return write_bytes(page_chart, page_chart_size, file);
    if (strncmp(name, "script", size) == 0)
        return write_bytes(page_script, page_script_size, file);
    return json_dump_callback(report, write_escaped, file, JSON_REAL_PRECISION(6)) == 0;
}

static bool write_page(const json_t *report, FILE *file)
{
    const char *at = (const char *)page_html, *end = at + page_html_size;
    while (at < end) {
        const char *marker = strchr(at, '@');
        const char *behind = marker == NULL ? NULL : strchr(marker + 1, '@');
        const char *until = behind == NULL ? end : marker;
        if (!write_bytes((const unsigned char *)at, (size_t)(until - at), file))
            return false;
        if (behind == NULL)
            return true;
        if (!write_piece(marker + 1, (size_t)(behind - marker - 1), report, file))
            return false;
        at = behind + 1;
    }
    return true;
}

enum status page_write(const json_t *report, const char *path, struct error *error)
{
    FILE *file = fopen(path, "w");
    if (file == NULL)
        return error_set(error, STATUS_CANNOT_WRITE, "%s: %s", path, strerror(errno));
    bool written = write_page(report, file);
    written = fclose(file) == 0 && written;
    return written ? STATUS_OK
                   : error_set(error, STATUS_CANNOT_WRITE, "%s: %s", path, strerror(errno));
}
