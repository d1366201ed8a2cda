#include "daemon/output_file.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool same_node(const struct stat *one, const struct stat *other)
{
    return one->st_dev == other->st_dev && one->st_ino == other->st_ino;
}

/* The name within the folder, which `about` tells of; NULL: there is none. */
static const char *look_at_folder(const char *path, struct stat *about)
{
    char folder[PATH_MAX] = ".";
    const char *slash = strrchr(path, '/');
    if (slash != NULL)
        snprintf(folder, sizeof folder, "%.*s", (int)(slash == path ? 1 : slash - path), path);
    if (stat(folder, about) != 0)
        return NULL;
    return slash == NULL ? path : slash + 1;
}

bool same_file(const char *one, const char *other)
{
    struct stat a, b;
    bool no_a = stat(one, &a) != 0, no_b = stat(other, &b) != 0;
    if (no_a != no_b)
        return false;
    if (!no_a)
        return S_ISREG(a.st_mode) && same_node(&a, &b);
    const char *name_a = look_at_folder(one, &a), *name_b = look_at_folder(other, &b);
    return name_a != NULL && name_b != NULL && same_node(&a, &b) && strcmp(name_a, name_b) == 0;
}

void remove_unfinished(const char *path)
{
    struct stat about;
    if (lstat(path, &about) == 0 && S_ISREG(about.st_mode))
        (void)unlink(path);
}
