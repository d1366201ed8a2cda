/*
 *     save():  snapshot_create ── pipe ── fork ─┬─ child: fill, commit, result ─► pipe, _exit
 *                                               └─ parent: ev_child ◄──────────────┘
 *                                                     └─► read the result, saved()
 *
 * Everything the child needs is allocated before the fork: other threads may hold any lock then.
 */
#include "transport/vault.h"

#include "transport/clock.h"
#include "transport/log.h"

#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LOCK_TRIES = 40, LOCK_PAUSE_MS = 50, CHILD_NICENESS = 10 };

struct file_vault {
    struct vault vault; /* first: a vault is this */
    struct ev_loop *loop;
    struct vault_owner owner;
    char path[PATH_MAX];
    int lock;
    bool keeps_previous; /* until a save has succeeded: what was loaded is there, and only there */
    /* The save under way; `pid` 0: none. */
    pid_t pid;
    ev_child child;
    int result; /* the pipe's reading end */
    struct snapshot_writer *writer;
    int64_t started_ns;
};

/* What the child tells; smaller than PIPE_BUF, so that it comes whole or not at all. */
struct save_result {
    struct error error;
    uint64_t bytes;
};
_Static_assert(sizeof(struct save_result) <= PIPE_BUF, "written in one piece");

/* ---- the child ---- */

/* Handlers of the parent's loop must not run here: they share its wake-up pipe. */
static void reset_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD, SIGUSR1, SIGUSR2};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        signal(numbers[i], SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* When memory is short, the copy is the one to go. */
static void offer_to_oom_killer(void)
{
    int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (file < 0)
        return;
    ssize_t done = write(file, "1000", 4);
    (void)done;
    close(file);
}

static _Noreturn void run_child(const struct file_vault *vault, pid_t parent, int pipe,
                                vault_fill *fill, void *context)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    reset_signals();
    setpriority(PRIO_PROCESS, 0, CHILD_NICENESS);
    offer_to_oom_killer();
    snapshot_forget_written(vault->writer);
    struct save_result result;
    memset(&result, 0, sizeof result);
    result.error.status =
        snapshot_write(vault->writer, fill, context, &result.bytes, &result.error);
    ssize_t done = write(pipe, &result, sizeof result);
    _exit(done == (ssize_t)sizeof result ? 0 : 1);
}

/* ---- the parent ---- */

static enum status begin_file(struct file_vault *vault, struct error *error)
{
    enum status status = snapshot_create(vault->path, &vault->writer, error);
    if (status == STATUS_OK && vault->keeps_previous)
        snapshot_keep_previous(vault->writer);
    return status;
}

static void end_file(struct file_vault *vault)
{
    snapshot_destroy(vault->writer);
    vault->writer = NULL;
}

static void describe_end(const struct file_vault *vault, int wait_status, struct error *error)
{
    if (WIFSIGNALED(wait_status))
        error_set(error, STATUS_IO, "%s: the process that saved was ended by signal %d",
                  vault->path, WTERMSIG(wait_status));
    else
        error_set(error, STATUS_IO, "%s: the process that saved ended without a result",
                  vault->path);
}

/* Lets go of the save under way, however it ended, and tells the owner. */
static void end_save(struct file_vault *vault, int wait_status)
{
    struct save_result result;
    if (read(vault->result, &result, sizeof result) != (ssize_t)sizeof result) {
        memset(&result, 0, sizeof result);
        describe_end(vault, wait_status, &result.error);
    }
    double seconds =
        (double)(clock_of_machine()->monotonic_ns(clock_of_machine()) - vault->started_ns) / 1e9;
    ev_child_stop(vault->loop, &vault->child);
    close(vault->result);
    end_file(vault);
    vault->pid = 0;
    if (result.error.status == STATUS_OK)
        vault->keeps_previous = false;
    if (vault->owner.saved != NULL)
        vault->owner.saved(vault->owner.context, &result.error, result.bytes, seconds);
}

static void on_child(struct ev_loop *loop, ev_child *watcher, int events)
{
    (void)loop;
    (void)events;
    end_save(watcher->data, watcher->rstatus);
}

static bool files_busy(const struct vault *self)
{
    return ((const struct file_vault *)self)->pid != 0;
}

/* Forks with all signals held back, so that none reaches the parent's handlers in the child. */
static pid_t fork_quietly(void)
{
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    int number = errno;
    if (pid != 0)
        sigprocmask(SIG_SETMASK, &before, NULL);
    errno = number;
    return pid;
}

static enum status files_save(struct vault *self, vault_fill *fill, void *context,
                              struct error *error)
{
    struct file_vault *vault = (struct file_vault *)self;
    if (vault->pid != 0)
        return error_set(error, STATUS_INVALID, "%s: a save is under way", vault->path);
    enum status status = begin_file(vault, error);
    if (status != STATUS_OK)
        return status;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        status = error_set(error, STATUS_IO, "%s: cannot save: no pipe: %s", vault->path,
                           strerror(errno));
        goto no_pipe;
    }
    pid_t parent = getpid();
    vault->started_ns = clock_of_machine()->monotonic_ns(clock_of_machine());
    pid_t pid = fork_quietly();
    if (pid == 0)
        run_child(vault, parent, ends[1], fill, context);
    close(ends[1]);
    if (pid < 0) {
        status = error_set(error, STATUS_NO_MEMORY, "%s: cannot save: no process: %s", vault->path,
                           strerror(errno));
        goto no_process;
    }
    vault->pid = pid;
    vault->result = ends[0];
    ev_child_init(&vault->child, on_child, pid, 0);
    vault->child.data = vault;
    ev_child_start(vault->loop, &vault->child);
    return STATUS_OK;

no_process:
    close(ends[0]);
no_pipe:
    end_file(vault);
    return status;
}

/* libev has not reaped the child yet, or its watcher would have been called. */
static void wait_for_save(struct file_vault *vault)
{
    int wait_status = 0;
    if (vault->pid == 0)
        return;
    while (waitpid(vault->pid, &wait_status, 0) < 0 && errno == EINTR)
        ;
    end_save(vault, wait_status);
}

static enum status files_save_now(struct vault *self, vault_fill *fill, void *context,
                                  struct error *error)
{
    struct file_vault *vault = (struct file_vault *)self;
    wait_for_save(vault);
    enum status status = begin_file(vault, error);
    if (status != STATUS_OK)
        return status;
    status = snapshot_write(vault->writer, fill, context, NULL, error);
    if (status == STATUS_OK)
        vault->keeps_previous = false;
    end_file(vault);
    return status;
}

static enum status files_load(struct vault *self, vault_take *take, void *context,
                              struct error *error)
{
    struct file_vault *vault = (struct file_vault *)self;
    struct error newest = {.status = STATUS_OK};
    enum status status = snapshot_load_newest(vault->path, take, context, &newest);
    vault->keeps_previous = status == STATUS_OK && newest.status != STATUS_OK;
    if (error != NULL)
        *error = newest;
    return status;
}

static void files_destroy(struct vault *self)
{
    struct file_vault *vault = (struct file_vault *)self;
    if (vault == NULL)
        return;
    if (vault->pid != 0) {
        kill(vault->pid, SIGKILL);
        vault->owner.saved = NULL;
        wait_for_save(vault);
    }
    if (vault->lock >= 0)
        close(vault->lock);
    free(vault);
}

static enum status wait_for_lock(int lock, const char *path, struct error *error)
{
    for (int i = 0; flock(lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK; i++) {
        if (i == LOCK_TRIES)
            return error_set(error, STATUS_CANNOT_WRITE,
                             "%s: another tasted keeps its snapshot here (%s.lock is locked); stop "
                             "it, or set another path",
                             path, path);
        if (i == 0)
            log_notice("another tasted keeps its snapshot here: waiting for %s.lock, %g s at most",
                       path, LOCK_TRIES * LOCK_PAUSE_MS / 1e3);
        nanosleep(&(struct timespec){.tv_nsec = LOCK_PAUSE_MS * 1000000L}, NULL);
    }
    return STATUS_OK; /* also where the file system has no locks */
}

/* The child inherits the lock: an orphan that still saves keeps a new daemon out. */
static enum status take_lock(struct file_vault *vault, struct error *error)
{
    char name[PATH_MAX + 8];
    snprintf(name, sizeof name, "%s.lock", vault->path);
    vault->lock = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (vault->lock < 0)
        return error_set(error, STATUS_CANNOT_WRITE,
                         "%s: cannot create: %s; snapshot.path must be in a folder that exists and "
                         "may be written",
                         name, strerror(errno));
    return wait_for_lock(vault->lock, vault->path, error);
}

enum status vault_keep_out(const char *path, int *lock, struct error *error)
{
    char name[PATH_MAX + 8];
    snprintf(name, sizeof name, "%s.lock", path);
    *lock = open(name, O_RDWR | O_CLOEXEC);
    return *lock < 0 ? STATUS_OK : wait_for_lock(*lock, path, error);
}

enum status vault_of_files(struct ev_loop *loop, const char *path, const struct vault_owner *owner,
                           struct vault **out, struct error *error)
{
    static const struct vault_ops ops = {files_save, files_busy, files_save_now, files_load,
                                         files_destroy};
    if (!ev_is_default_loop(loop))
        return error_set(error, STATUS_INTERNAL, "a vault of files needs the default loop");
    struct file_vault *vault = calloc(1, sizeof *vault);
    if (vault == NULL)
        return error_set(error, STATUS_NO_MEMORY, "%s: no memory for the vault", path);
    vault->vault.ops = &ops;
    vault->loop = loop;
    vault->owner = *owner;
    vault->lock = -1;
    int size = snprintf(vault->path, sizeof vault->path, "%s", path);
    enum status status = STATUS_OK;
    if (size <= 0 || (size_t)size >= sizeof vault->path)
        status = error_set(error, STATUS_BAD_CONFIG,
                           "snapshot.path: must have 1 to %d bytes, has %d", PATH_MAX - 1, size);
    if (status == STATUS_OK)
        status = take_lock(vault, error);
    if (status != STATUS_OK) {
        files_destroy(&vault->vault);
        return status;
    }
    *out = &vault->vault;
    return STATUS_OK;
}
