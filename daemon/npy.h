/* NumPy's file format, version 1.0: a header that is a Python literal, then the array, row by row,
 * little-endian. */
#ifndef DAEMON_NPY_H
#define DAEMON_NPY_H

#include "model/event.h"
#include "model/status.h"

#include <stdio.h>

struct npy {
    FILE *file;
    char path[4096];
};

/* folder/name, for an array of `rows` rows of `columns` float32 each; columns 0: of one dimension.
 * STATUS_CANNOT_WRITE. */
enum status npy_open_floats(struct npy *npy, const char *folder, const char *name, uint64_t rows,
                            uint32_t columns, struct error *error);
/* Of texts of at most `characters` Unicode characters. */
enum status npy_open_texts(struct npy *npy, const char *folder, const char *name, uint64_t rows,
                           uint32_t characters, struct error *error);
void npy_write_floats(struct npy *npy, const float *at, uint32_t count);
/* UTF-8, filled up with NULs to `characters`. */
void npy_write_text(struct npy *npy, struct text text, uint32_t characters);
/* STATUS_CANNOT_WRITE, also of what was written before: the file is then removed. */
enum status npy_close(struct npy *npy, struct error *error);
/* Characters of a text in UTF-8. */
uint32_t npy_characters(struct text text);

#endif
