/* SPDX-License-Identifier: Apache-2.0 */
/* cp-portal serve: start everything, wait for a signal, stop in order. */
#include "account_store.h"
#include "cleanup.h"
#include "clock.h"
#include "command.h"
#include "db.h"
#include "log.h"
#include "net.h"
#include "portal.h"
#include "server.h"
#include "token.h"
#include "wiring.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PUBLIC_PREFIX "/cpapi" /* the Portal-API's prefix on the original's ingress */

static const struct server_cancel_ops cancel_ops = {
    .create = net_cancel_create, .fire = net_cancel_fire, .destroy = net_cancel_destroy};

static int say_why(const struct app_error *err)
{
    log_message(LOG_ERROR, "start", "%s: %s", err->text[0] ? err->text : app_code_name(err->code),
                err->detail);
    return EXIT_FAILED;
}

/* getenv(3) without its claim on threads: nothing here changes the environment. */
static const char *environment_value(const char *name)
{
    size_t len = strlen(name);

    for (char **e = environ; e && *e; e++)
        if (strncmp(*e, name, len) == 0 && (*e)[len] == '=')
            return *e + len + 1;
    return NULL;
}

/* Tell the service manager (systemd Type=notify); without one it is a no-op. sd_notify(3) */
static void notify_manager(const char *state)
{
    const char *path = environment_value("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t len = path ? strlen(path) : 0;
    int fd;

    if (len == 0 || len >= sizeof to.sun_path)
        return;
    memcpy(to.sun_path, path, len);
    if (to.sun_path[0] == '@') /* an abstract socket */
        to.sun_path[0] = '\0';
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&to,
               (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0)
        log_message(LOG_WARN, "notify", "the service manager was not told: error %d", errno);
    close(fd);
}

static bool database_is_ready(void *ctx, char *reason, size_t reason_bytes)
{
    if (services_is_database_up(ctx))
        return true;
    snprintf(reason, reason_bytes, "the database does not answer");
    return false;
}

static int mount_all(struct server *s, struct wiring *w, struct api *portal, struct api *issuer,
                     struct app_error *err)
{
    portal_api_init(portal, w->services);
    issuer_api_init(issuer, &w->issuer_app);
    if (server_mount(s, LISTEN_PORTAL, "", portal, err) < 0 ||
        server_mount(s, LISTEN_PUBLIC, PUBLIC_PREFIX, portal, err) < 0)
        return -1;
    if (w->issuer && server_mount(s, LISTEN_ISSUER, "", issuer, err) < 0)
        return -1;
    return server_add_readiness(s, "database", database_is_ready, w->services);
}

static void say_listening(const struct server *s)
{
    static const char *const names[] = {[LISTEN_PORTAL] = "portal",
                                        [LISTEN_PUBLIC] = "public",
                                        [LISTEN_ISSUER] = "issuer",
                                        [LISTEN_MANAGEMENT] = "management"};
    struct log_line l;

    log_begin(&l, LOG_INFO, "started");
    log_str(&l, "version", CP_VERSION);
    for (int i = 0; i < LISTEN_COUNT; i++)
        log_int(&l, names[i], server_port(s, (enum server_listener)i));
    log_end(&l);
}

static int wait_for_signal(const sigset_t *signals)
{
    int sig = 0;

    while (sigwait(signals, &sig) != 0)
        ;
    return sig;
}

/* Refresh tokens that nobody can use any more; once a start is often enough for their number. */
static void tidy_up_once(struct wiring *w)
{
    struct app_error err;

    if (w->issuer && refresh_token_purge(w->db, clock_unix_s(), &err) < 0)
        log_message(LOG_WARN, "start", "expired refresh tokens stay: %s", err.detail);
}

static int run(struct wiring *w, struct server *s, const sigset_t *signals)
{
    struct api portal, issuer;
    struct app_error err = {0};

    if (mount_all(s, w, &portal, &issuer, &err) < 0 || server_start(s, &err) < 0)
        return say_why(&err);
    say_listening(s);
    tidy_up_once(w);
    identity_prefetch(w->identity);
    notify_manager("READY=1");
    log_message(LOG_INFO, "stopping", "signal %d", wait_for_signal(signals));
    notify_manager("STOPPING=1");
    if (server_stop(s) < 0) {
        log_message(LOG_ERROR, "stop", "requests would not end; leaving without tidying up");
        _exit(EXIT_FAILED);
    }
    log_message(LOG_INFO, "stopped", "all requests have ended");
    return EXIT_OK;
}

static enum log_level level_of(const char *name)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(names[i], name) == 0)
            return (enum log_level)i;
    return LOG_INFO;
}

int command_serve(const struct arguments *args)
{
    struct wiring w AUTO(wiring_finish_p) = {.config = NULL};
    struct server_options options;
    struct server *s;
    struct app_error err = {0};
    sigset_t signals;
    int code;

    /* blocked here, so that every thread inherits it and only sigwait() receives them */
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP); /* the terminal is gone: no reason to cut answers off */
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    if (wiring_init(&w, args->option[OPT_config], WIRE_SERVICES, &err) < 0)
        return say_why(&err);
    log_setup(STDERR_FILENO, level_of(config_str(w.config, CFG_LOG_LEVEL)));
    if (*config_warnings(w.config))
        log_message(LOG_WARN, "config", "%s", config_warnings(w.config));
    server_options_from_config(w.config, &options);
    options.cancel = &cancel_ops;
    options.worker_end = db_thread_end;
    s = server_create(&options, &err);
    code = s ? run(&w, s, &signals) : say_why(&err);
    server_destroy(s);
    return code;
}
