#include "daemon/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Between fork() and exec() other threads may hold any lock: system calls only. */
static _Noreturn void become(const char *path, char *const argv[], char *const environment[],
                             int log, int told, pid_t parent)
{
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() == parent && dup2(nothing, 0) >= 0 && dup2(log, 1) >= 0 && dup2(log, 2) >= 0)
        execve(path, argv, environment != NULL ? environment : environ);
    int why = errno;
    ssize_t written = write(told, &why, sizeof why);
    _exit(written == sizeof why ? 127 : 126);
}

enum status child_start(struct child *child, const char *name, const char *path, char *const argv[],
                        char *const environment[], const char *log, struct error *error)
{
    *child = (struct child){.name = name};
    enum status status = STATUS_OK;
    int told[2], why = 0; /* told why exec() failed; closed by exec() when it did not */
    int out = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (out < 0)
        return error_set(error, STATUS_CANNOT_WRITE, "%s: %s", log, strerror(errno));
    if (pipe2(told, O_CLOEXEC) != 0) {
        status = error_set(error, STATUS_INTERNAL, "pipe: %s", strerror(errno));
        goto close_log;
    }
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0)
        become(path, argv, environment, out, told[1], parent);
    close(told[1]);
    if (pid < 0) {
        status = error_set(error, STATUS_INTERNAL, "fork: %s", strerror(errno));
    } else if (read(told[0], &why, sizeof why) == sizeof why) {
        waitpid(pid, NULL, 0);
        status = error_set(error, why == ENOENT ? STATUS_NOT_FOUND : STATUS_INTERNAL,
                           "%s cannot be started: %s", path, strerror(why));
    } else {
        child->pid = pid;
    }
    close(told[0]);
close_log:
    close(out);
    return status;
}

bool child_lives(struct child *child)
{
    if (child->pid != 0 && waitpid(child->pid, &child->ended, WNOHANG) == child->pid)
        child->pid = 0;
    return child->pid != 0;
}

void child_stop(struct child *child, double seconds)
{
    if (!child_lives(child))
        return;
    const struct timespec moment = {0, 10 * 1000 * 1000};
    kill(child->pid, SIGTERM);
    for (int left = (int)(seconds * 100); left > 0 && child_lives(child); left--)
        nanosleep(&moment, NULL);
    if (!child_lives(child))
        return;
    kill(child->pid, SIGKILL);
    while (waitpid(child->pid, &child->ended, 0) < 0 && errno == EINTR)
        ;
    child->pid = 0;
}

void child_tell_end(const struct child *child, char *text, size_t size)
{
    if (WIFSIGNALED(child->ended))
        snprintf(text, size, "was ended by signal %d", WTERMSIG(child->ended));
    else
        snprintf(text, size, "ended with status %d", WEXITSTATUS(child->ended));
}
