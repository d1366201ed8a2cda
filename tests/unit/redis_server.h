/* A private redis-server on a socket in a temporary folder, for tests; ends with the test. */
#ifndef TESTS_REDIS_SERVER_H
#define TESTS_REDIS_SERVER_H

#include <dirent.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct redis_server {
    char folder[64], socket[96], url[128];
    pid_t pid;
};

/* A folder and names in it; nothing runs yet. */
static inline void redis_server_init(struct redis_server *server)
{
    memset(server, 0, sizeof *server);
    snprintf(server->folder, sizeof server->folder, "/tmp/tasted-redis-XXXXXX");
    if (mkdtemp(server->folder) == NULL)
        abort();
    snprintf(server->socket, sizeof server->socket, "%s/socket", server->folder);
    snprintf(server->url, sizeof server->url, "unix://%s", server->socket);
}

static inline redisContext *redis_server_connect(const struct redis_server *server)
{
    redisContext *context = redisConnectUnix(server->socket);
    if (context != NULL && context->err == 0)
        return context;
    if (context != NULL)
        redisFree(context);
    return NULL;
}

/* `more`: further arguments of redis-server, NULL-terminated. False: it did not come up in 30 s,
 * or is not installed. */
static inline bool redis_server_start(struct redis_server *server, const char *const *more)
{
    const char *arguments[24] = {"redis-server", "--port",       "0",  "--unixsocket",
                                 server->socket, "--save",       "",   "--dir",
                                 server->folder, "--appendonly", "no", "--loglevel",
                                 "warning",      "--logfile",    "log"};
    for (int i = 15; more != NULL && *more != NULL && i < 23; i++)
        arguments[i] = *more++;
    server->pid = fork();
    if (server->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execvp(arguments[0], (char **)(size_t)arguments);
        _exit(127);
    }
    for (int tries = 0; tries < 3000; tries++) {
        redisContext *context = redis_server_connect(server);
        if (context != NULL) {
            redisFree(context);
            return true;
        }
        if (waitpid(server->pid, NULL, WNOHANG) == server->pid)
            break;
        usleep(10000);
    }
    server->pid = 0;
    return false;
}

static inline void redis_server_kill(struct redis_server *server)
{
    if (server->pid <= 0)
        return;
    kill(server->pid, SIGKILL);
    waitpid(server->pid, NULL, 0);
    server->pid = 0;
    unlink(server->socket);
}

static inline void redis_server_finish(struct redis_server *server)
{
    redis_server_kill(server);
    DIR *folder = opendir(server->folder);
    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", server->folder, entry->d_name);
        unlink(path);
    }
    if (folder != NULL)
        closedir(folder);
    rmdir(server->folder);
}

/* Asks over a connection of its own; the reply is the caller's to free. */
static inline redisReply *redis_server_ask(const struct redis_server *server, const char *format,
                                           ...)
{
    redisContext *context = redis_server_connect(server);
    if (context == NULL)
        return NULL;
    va_list arguments;
    va_start(arguments, format);
    redisReply *reply = redisvCommand(context, format, arguments);
    va_end(arguments);
    redisFree(context);
    return reply;
}

#endif
