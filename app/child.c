/* SPDX-License-Identifier: Apache-2.0 */
#include "child.h"
#include "cleanup.h"
#include "clock.h"
#include "text.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define ENTRIES_MAX 1000
#define READY_TIMEOUT_US (10 * US_PER_S)

static uint16_t free_port(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    uint16_t port = 0;

    if (fd < 0)
        return 0;
    if (bind(fd, (const struct sockaddr *)&at, sizeof at) == 0 &&
        getsockname(fd, (struct sockaddr *)&at, &len) == 0)
        port = ntohs(at.sin_port);
    close(fd);
    return port;
}

/* The environment of the server under test: this one's, but other ports and no issuer of its own.
 * All load comes as one person, so the limit per person is lifted. */
struct environment {
    char portal[64], management[64], issuer[1200];
    char *entries[ENTRIES_MAX + 1];
};

static const char *const fixed[] = {
    "CP_PUBLIC_LISTEN=", "CP_ISSUER_LISTEN=", "CP_ISSUER_ENABLED=false", "CP_DRAIN_ACCEPT_S=0",
    "CP_REQUEST_PER_USER=10000"};

static bool same_name(const char *a, const char *b)
{
    size_t len = strcspn(a, "=");

    return strcspn(b, "=") == len && strncmp(a, b, len) == 0;
}

static int make_environment(struct environment *e, const struct child *c, const char *issuer_name)
{
    size_t own = 0, n;

    snprintf(e->portal, sizeof e->portal, "CP_PORTAL_LISTEN=127.0.0.1:%u",
             (unsigned)c->portal_port);
    snprintf(e->management, sizeof e->management, "CP_MANAGEMENT_LISTEN=127.0.0.1:%u",
             (unsigned)c->management_port);
    snprintf(e->issuer, sizeof e->issuer, "CP_IDENTITY_ISSUER=%s", issuer_name);
    e->entries[own++] = e->portal;
    e->entries[own++] = e->management;
    e->entries[own++] = e->issuer;
    for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
        memcpy(&e->entries[own++], &fixed[i], sizeof(char *));
    n = own;
    for (char **old = environ; *old; old++) {
        bool is_replaced = false;

        for (size_t i = 0; i < own; i++)
            is_replaced = is_replaced || same_name(e->entries[i], *old);
        if (is_replaced)
            continue;
        if (n == ENTRIES_MAX)
            return -1;
        e->entries[n++] = *old;
    }
    e->entries[n] = NULL;
    return 0;
}

/* In the child, between fork and exec: nothing that needs a lock. */
static void become_server(const char *config_path, struct environment *e)
{
    char program[] = "cp-portal", command[] = "serve", option[] = "--config", path[4096] = "";
    char *argv[] = {program, command, config_path ? option : NULL, path, NULL};
    int null = open("/dev/null", O_RDWR);
    sigset_t none;

    if (config_path)
        memcpy(path, config_path, strnlen(config_path, sizeof path - 1));
    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, NULL);
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
    execve("/proc/self/exe", argv, e->entries);
    _exit(127);
}

static int is_ready(uint16_t port)
{
    static const char request[] =
        "GET /readyz HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n";
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    char answer[16] = "";
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), ok = 0;

    if (fd < 0)
        return 0;
    if (connect(fd, (const struct sockaddr *)&to, sizeof to) == 0 &&
        send(fd, request, sizeof request - 1, MSG_NOSIGNAL) > 0 &&
        recv(fd, answer, sizeof answer - 1, MSG_WAITALL) > 0)
        ok = strncmp(answer, "HTTP/1.1 200", 12) == 0;
    close(fd);
    return ok;
}

int child_start(struct child *c, const char *config_path, const char *issuer_name,
                struct app_error *err)
{
    struct environment env;
    int64_t begun_us;

    *c = (struct child){.portal_port = free_port(), .management_port = free_port()};
    if (make_environment(&env, c, issuer_name) < 0)
        return app_fail_text(err, APP_INTERNAL, "the environment is too large");
    begun_us = clock_mono_us();
    c->pid = fork();
    if (c->pid == 0)
        become_server(config_path, &env);
    while (c->pid > 0 && clock_mono_us() - begun_us < READY_TIMEOUT_US) {
        struct timespec pause = {0, 2 * 1000000L};

        if (is_ready(c->management_port)) {
            c->ready_us = clock_mono_us() - begun_us;
            c->idle_rss_kib = child_rss_kib(c);
            return 0;
        }
        if (waitpid(c->pid, NULL, WNOHANG) == c->pid) {
            c->pid = 0;
            break;
        }
        nanosleep(&pause, NULL);
    }
    child_stop(c);
    return app_fail_text(err, APP_INTERNAL, "the server under test did not become ready");
}

void child_stop(struct child *c)
{
    if (c->pid <= 0)
        return;
    kill(c->pid, SIGTERM);
    waitpid(c->pid, NULL, 0);
    c->pid = 0;
}

int64_t child_cpu_us(const struct child *c)
{
    clockid_t clock;
    struct timespec ts;

    if (clock_getcpuclockid(c->pid, &clock) != 0 || clock_gettime(clock, &ts) != 0)
        return 0;
    return (int64_t)ts.tv_sec * US_PER_S + ts.tv_nsec / 1000;
}

int64_t child_rss_kib(const struct child *c)
{
    char path[64], line[256];
    int64_t kib = 0;
    FILE *f;

    snprintf(path, sizeof path, "/proc/%d/status", (int)c->pid);
    f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f)) {
        const char *digits = line + strcspn(line, "0123456789");

        if (strncmp(line, "VmRSS:", 6) == 0 &&
            text_to_i64((struct text){digits, strspn(digits, "0123456789")}, &kib) < 0)
            kib = 0;
    }
    if (f)
        fclose(f);
    return kib;
}
