/* SPDX-License-Identifier: Apache-2.0 */
#include "child.h"
#include "clock.h"
#include "text.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

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

static void set_listen(const char *name, uint16_t port)
{
    char value[32];

    snprintf(value, sizeof value, "127.0.0.1:%u", (unsigned)port);
    setenv(name, value, 1);
}

/* In the child, before exec: the same configuration, other ports, no issuer of its own. */
static void become_server(const struct child *c, const char *config_path, const char *issuer_name)
{
    int null = open("/dev/null", O_RDWR);
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    set_listen("CP_PORTAL_LISTEN", c->portal_port);
    set_listen("CP_MANAGEMENT_LISTEN", c->management_port);
    setenv("CP_PUBLIC_LISTEN", "", 1);
    setenv("CP_ISSUER_LISTEN", "", 1);
    setenv("CP_ISSUER_ENABLED", "false", 1);
    setenv("CP_IDENTITY_ISSUER", issuer_name, 1);
    setenv("CP_DRAIN_ACCEPT_S", "0", 1);
    setenv("CP_REQUEST_PER_USER", "10000", 1); /* all load comes as one person */
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
    if (config_path)
        execl("/proc/self/exe", "cp-portal", "serve", "--config", config_path, (char *)NULL);
    else
        execl("/proc/self/exe", "cp-portal", "serve", (char *)NULL);
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
    int64_t begun_us;

    *c = (struct child){.portal_port = free_port(), .management_port = free_port()};
    begun_us = clock_mono_us();
    c->pid = fork();
    if (c->pid == 0)
        become_server(c, config_path, issuer_name);
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
