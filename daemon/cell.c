#include "daemon/cell.h"

#include <stdio.h>

static bool begins_character(char byte)
{
    return ((unsigned char)byte & 0xc0) != 0x80;
}

int cell_columns(struct text text)
{
    int columns = 0;
    for (uint32_t i = 0; i < text.size; i++)
        columns += begins_character(text.at[i]);
    return columns;
}

void cell_print(struct text text, int width)
{
    int columns = cell_columns(text);
    bool cut = width > 0 && columns > width;
    int left = cut ? width - 1 : columns;
    for (uint32_t i = 0; i < text.size; i++) {
        unsigned char byte = (unsigned char)text.at[i];
        if (begins_character(text.at[i]) && left-- == 0)
            break;
        putchar(byte < 0x20 || byte == 0x7f ? '?' : byte);
    }
    if (cut)
        fputs("…", stdout);
    for (; columns < width; columns++)
        putchar(' ');
}
