#include "daemon/demo_stage.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ftw.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { PATH_SIZE = 192, READY_TENTHS = 300, ENVIRONMENT_MAX = 512 };

static void path_of(const struct stage *stage, const char *name, char path[PATH_SIZE])
{
    snprintf(path, PATH_SIZE, "%s/%s", stage->folder, name);
}

static void wait_a_tenth(void)
{
    const struct timespec tenth = {0, 100 * 1000 * 1000};
    nanosleep(&tenth, NULL);
}

/* ---- the folder ---- */

static enum status make_folder(struct stage *stage, struct error *error)
{
    const char *base = getenv("TMPDIR");
    /* A socket's path holds about 100 bytes: a long TMPDIR is not for us. */
    if (base == NULL || base[0] != '/' || strlen(base) > 60)
        base = "/tmp";
    snprintf(stage->folder, sizeof stage->folder, "%s/tasted-demo.XXXXXX", base);
    if (mkdtemp(stage->folder) != NULL)
        return STATUS_OK;
    enum status status =
        error_set(error, STATUS_CANNOT_WRITE, "%s: %s; set TMPDIR to a folder that can be written",
                  stage->folder, strerror(errno));
    stage->folder[0] = '\0';
    return status;
}

static int remove_entry(const char *path, const struct stat *about, int kind, struct FTW *where)
{
    (void)about;
    (void)kind;
    (void)where;
    return remove(path);
}

/* The last line of a log, for messages. */
static void last_line(const struct stage *stage, const char *name, char *line, size_t size)
{
    char path[PATH_SIZE], buffer[512];
    path_of(stage, name, path);
    line[0] = '\0';
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return;
    while (fgets(buffer, sizeof buffer, file) != NULL) {
        buffer[strcspn(buffer, "\n")] = '\0';
        if (buffer[0] != '\0')
            snprintf(line, size, "%.*s", (int)size - 1, buffer);
    }
    fclose(file);
}

/* ---- Redis ---- */

/* A port of loopback that nobody uses at the moment; 0: none. */
static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int port = 0;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return 0;
    if (bind(fd, (struct sockaddr *)&address, size) == 0 &&
        getsockname(fd, (struct sockaddr *)&address, &size) == 0)
        port = ntohs(address.sin_port);
    close(fd);
    return port;
}

/* Redis, or Valkey; or redis-check-rdb, which is the same program under another name and comes with
 * redis-tools, a package that starts no service of its own. */
static bool find_redis(char path[PATH_SIZE])
{
    static const char *const names[] = {"redis-server", "valkey-server", "redis-check-rdb"};
    const char *search = getenv("PATH");
    if (search == NULL)
        search = "/usr/local/bin:/usr/bin:/bin";
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        for (const char *at = search; *at != '\0';) {
            size_t size = strcspn(at, ":");
            snprintf(path, PATH_SIZE, "%.*s/%s", (int)size, at, names[i]);
            if (access(path, X_OK) == 0)
                return true;
            at += size + (at[size] == ':');
        }
    }
    return false;
}

static enum status start_redis(struct stage *stage, struct error *error)
{
    char program[PATH_SIZE], socket[PATH_SIZE], log[PATH_SIZE], port[16];
    if (!find_redis(program))
        return error_set(error, STATUS_UNREACHABLE,
                         "the demo needs redis-server or valkey-server, and neither is in PATH; "
                         "install with: apt-get install redis-tools");
    path_of(stage, "redis.sock", socket);
    path_of(stage, "redis.log", log);
    snprintf(stage->socket, sizeof stage->socket, "unix://%.150s", socket);
    stage->redis_port = free_port();
    snprintf(port, sizeof port, "%d", stage->redis_port);
    char *argv[] = {"redis-server",
                    "--port",
                    port,
                    "--bind",
                    "127.0.0.1",
                    "--unixsocket",
                    socket,
                    "--unixsocketperm",
                    "700",
                    "--dir",
                    stage->folder,
                    "--save",
                    "",
                    "--appendonly",
                    "no",
                    "--daemonize",
                    "no",
                    NULL};
    return child_start(&stage->redis, "redis-server", program, argv, NULL, log, error);
}

static enum status reach_redis(struct stage *stage, const volatile sig_atomic_t *stop,
                               struct error *error)
{
    for (int i = 0; i < READY_TENTHS && !*stop; i++) {
        if (redis_connect(stage->socket, 1000, &stage->client, error) == STATUS_OK)
            return STATUS_OK;
        if (!stage_stands(stage, error))
            return error->status;
        wait_a_tenth();
    }
    return error_set(error, STATUS_UNREACHABLE, "redis-server does not answer");
}

/* ---- the daemon ---- */

static enum status write_settings(const struct stage *stage, uint64_t seed, const char *path,
                                  struct error *error)
{
    FILE *file = fopen(path, "we");
    if (file == NULL)
        return error_set(error, STATUS_CANNOT_WRITE, "%s: %s", path, strerror(errno));
    fprintf(file,
            "; what `tasted demo` runs the daemon with\n"
            "[kafka]\nbootstrap.servers = %s\n"
            "; the embedded broker does not wake a fetch that waits\nfetch.wait.max.ms = 2\n\n"
            "[input]\ntopic = " DEMO_TOPIC "\n\n"
            "[redis]\nurl = %s\n\n"
            "[model]\nseed = %llu\n\n"
            "[lists]\n; music is heard again\nexclude_seen = no\nsize = 25\nrefresh = 2ms\n\n"
            "[snapshot]\npath = %s/model.snapshot\ninterval = 10s\n\n"
            "[http]\nlisten = 127.0.0.1:%d\n",
            kafka_broker_address(stage->broker), stage->socket, (unsigned long long)seed,
            stage->folder, stage->http_port);
    if (ferror(file) | fclose(file))
        return error_set(error, STATUS_CANNOT_WRITE, "%s: %s", path, strerror(errno));
    return STATUS_OK;
}

/* systemd's part: a socket to which the daemon says READY=1. */
static enum status listen_for_ready(struct stage *stage, const char *path, struct error *error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%.100s", path);
    stage->notify = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (stage->notify < 0 || bind(stage->notify, (struct sockaddr *)&address, sizeof address) != 0)
        return error_set(error, STATUS_INTERNAL, "%s: %s", path, strerror(errno));
    return STATUS_OK;
}

/* Our own environment without TASTED_…, which would change the settings, and without systemd's. */
static void choose_environment(char *notify, char *chosen[ENVIRONMENT_MAX])
{
    uint32_t size = 0;
    for (char **at = environ; *at != NULL && size < ENVIRONMENT_MAX - 2; at++) {
        if (strncmp(*at, "TASTED_", 7) != 0 && strncmp(*at, "NOTIFY_", 7) != 0 &&
            strncmp(*at, "WATCHDOG_", 9) != 0 && strncmp(*at, "JOURNAL_", 8) != 0)
            chosen[size++] = *at;
    }
    chosen[size++] = notify;
    chosen[size] = NULL;
}

static enum status start_daemon(struct stage *stage, uint64_t seed, struct error *error)
{
    char settings[PATH_SIZE], log[PATH_SIZE], socket[PATH_SIZE], notify[PATH_SIZE + 16];
    char *environment[ENVIRONMENT_MAX];
    path_of(stage, "tasted.conf", settings);
    path_of(stage, "tasted.log", log);
    path_of(stage, "notify.sock", socket);
    snprintf(notify, sizeof notify, "NOTIFY_SOCKET=%s", socket);
    choose_environment(notify, environment);
    stage->http_port = free_port();
    if (write_settings(stage, seed, settings, error) != STATUS_OK ||
        listen_for_ready(stage, socket, error) != STATUS_OK)
        return error->status;
    char *argv[] = {"tasted", "run", "-c", settings, NULL};
    return child_start(&stage->daemon, "tasted run", "/proc/self/exe", argv, environment, log,
                       error);
}

static enum status await_daemon(struct stage *stage, const volatile sig_atomic_t *stop,
                                struct error *error)
{
    char said[512];
    for (int i = 0; i < READY_TENTHS && !*stop; i++) {
        for (ssize_t size; (size = recv(stage->notify, said, sizeof said - 1, 0)) > 0;) {
            said[size] = '\0';
            if (strstr(said, "READY=1") != NULL)
                return STATUS_OK;
        }
        if (!stage_stands(stage, error))
            return error->status;
        wait_a_tenth();
    }
    return error_set(error, STATUS_INTERNAL, "tasted run was not ready in %d s", READY_TENTHS / 10);
}

/* ---- all of it ---- */

enum status stage_open(struct stage *stage, uint64_t seed, const volatile sig_atomic_t *stop,
                       struct error *error)
{
    *stage = (struct stage){.notify = -1};
    if (make_folder(stage, error) == STATUS_OK && start_redis(stage, error) == STATUS_OK &&
        kafka_broker_create(1, DEMO_TOPIC, 1, &stage->broker, error) == STATUS_OK &&
        reach_redis(stage, stop, error) == STATUS_OK &&
        start_daemon(stage, seed, error) == STATUS_OK)
        return await_daemon(stage, stop, error);
    return error->status;
}

static bool child_stands(struct stage *stage, struct child *child, const char *log,
                         struct error *error)
{
    char end[64], line[256];
    if (child->name == NULL || child_lives(child))
        return true;
    child_tell_end(child, end, sizeof end);
    last_line(stage, log, line, sizeof line);
    error_set(error, STATUS_INTERNAL, "%s %s; its last words: %s", child->name, end,
              line[0] != '\0' ? line : "(none)");
    return false;
}

bool stage_stands(struct stage *stage, struct error *error)
{
    return child_stands(stage, &stage->redis, "redis.log", error) &&
           child_stands(stage, &stage->daemon, "tasted.log", error);
}

void stage_close(struct stage *stage, bool keep)
{
    child_stop(&stage->daemon, 15);
    redis_disconnect(stage->client);
    child_stop(&stage->redis, 5);
    if (stage->broker != NULL)
        kafka_broker_destroy(stage->broker);
    if (stage->notify >= 0)
        close(stage->notify);
    if (stage->folder[0] != '\0' && !keep)
        nftw(stage->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    *stage = (struct stage){.notify = -1};
}
