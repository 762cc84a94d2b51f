/* SPDX-License-Identifier: Apache-2.0 */
#include "rig_kube.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGS_MAX 32
#define OUTPUT_MAX_BYTES ((size_t)1 << 24)

extern char **environ;

static void die(const char *what)
{
    fprintf(stderr, "rig_kube: %s: errno %d\n", what, errno);
    abort();
}

/* @return a descriptor of an unlinked file that holds @p text */
static int file_of(const char *text)
{
    char name[] = "/tmp/cp-rig-XXXXXX";
    int fd = mkostemp(name, O_CLOEXEC);

    if (fd < 0 || unlink(name) < 0)
        die("temporary file");
    if (text && write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        die("write");
    if (lseek(fd, 0, SEEK_SET) < 0)
        die("lseek");
    return fd;
}

static void read_all(int fd, struct buf *out)
{
    char chunk[16384];
    ssize_t n;

    if (lseek(fd, 0, SEEK_SET) < 0)
        die("lseek");
    while ((n = read(fd, chunk, sizeof(chunk))) > 0)
        if (buf_append(out, chunk, (size_t)n) < 0)
            die("output too long");
}

/* Output goes through a file, not a pipe: a daemon that keeps the pipe open would hold us. */
static int run(const char *const argv[], const char *input, struct buf *out)
{
    int in_fd = file_of(input), out_fd = file_of(NULL), status;
    posix_spawn_file_actions_t actions;
    char *args[ARGS_MAX + 1];
    size_t n = 0;
    pid_t pid;

    for (; argv[n]; n++) {
        if (n == ARGS_MAX)
            die("too many arguments");
        args[n] = strdup(argv[n]);
    }
    args[n] = NULL;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in_fd, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out_fd, STDOUT_FILENO);
    errno = posix_spawn(&pid, args[0], &actions, NULL, args, environ);
    if (errno != 0)
        die(argv[0]);
    posix_spawn_file_actions_destroy(&actions);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            die("waitpid");
    if (out)
        read_all(out_fd, out);
    while (n > 0)
        free(args[--n]);
    close(in_fd);
    close(out_fd);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int rig_kube_ctl(const struct rig_kube *r, const char *const args[], const char *input,
                 struct buf *out)
{
    char kubectl[300], config[300];
    const char *argv[ARGS_MAX + 1] = {kubectl, "--kubeconfig", config};
    size_t n = 3;

    snprintf(kubectl, sizeof(kubectl), "%s/kubectl", r->dir);
    snprintf(config, sizeof(config), "%s/admin.kubeconfig", r->dir);
    for (; *args && n < ARGS_MAX; args++)
        argv[n++] = *args;
    argv[n] = NULL;
    return run(argv, input, out);
}

static void read_file(const char *path, struct buf *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        die(path);
    read_all(fd, out);
    close(fd);
}

static void read_url(struct rig_kube *r)
{
    struct buf env = BUF_INIT(65536);
    char path[300];
    const char *at;

    snprintf(path, sizeof(path), "%s/env", r->dir);
    read_file(path, &env);
    at = strstr(env.data, "KUBE_URL=");
    if (!at || sscanf(at, "KUBE_URL=%127[^\n]", r->url) != 1)
        die("no KUBE_URL");
    buf_finish(&env);
}

/* The account exists already in a borrowed cluster. */
static void make_credential(struct rig_kube *r)
{
    static const char account[] =
        "{apiVersion: v1, kind: ServiceAccount, metadata: {name: cp-portal-test, namespace: "
        "kube-system}}\n---\n"
        "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: "
        "cp-portal-test}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "
        "cluster-admin}, subjects: [{kind: ServiceAccount, name: cp-portal-test, namespace: "
        "kube-system}]}\n";

    if (rig_kube_ctl(r, (const char *const[]){"apply", "-f", "-", NULL}, account, NULL) != 0)
        die("kubectl apply");
    if (rig_kube_ctl(
            r,
            (const char *const[]){"create", "token", "cp-portal-test", "-n", "kube-system", NULL},
            NULL, &r->token) != 0 ||
        r->token.len < 2)
        die("kubectl create token");
    r->token.data[strcspn(r->token.data, "\n")] = '\0';
    r->token.len = strlen(r->token.data);
}

void rig_kube_start(struct rig_kube *r, int fake_nodes)
{
    const char *borrowed = getenv("CP_TEST_KUBE_DIR");
    const char *up[] = {"/bin/bash", CP_SOURCE_DIR "/tests/rig/kubernetes/kube-up.sh", NULL};
    char nodes[16], path[300];

    memset(r, 0, sizeof(*r));
    buf_init(&r->ca_pem, OUTPUT_MAX_BYTES);
    buf_init(&r->token, OUTPUT_MAX_BYTES);
    r->is_borrowed = borrowed && *borrowed;
    snprintf(r->dir, sizeof(r->dir), "%s", r->is_borrowed ? borrowed : "/tmp/cp-test-kube-XXXXXX");
    if (!r->is_borrowed && !mkdtemp(r->dir))
        die("mkdtemp");
    snprintf(nodes, sizeof(nodes), "%d", fake_nodes);
    setenv("KUBE_DIR", r->dir, 1);
    setenv("KUBE_FAKE_NODES", nodes, 1);
    if (run(up, NULL, NULL) != 0)
        die("kube-up.sh");
    read_url(r);
    snprintf(path, sizeof(path), "%s/pki/ca.crt", r->dir);
    read_file(path, &r->ca_pem);
    make_credential(r);
}

void rig_kube_stop(struct rig_kube *r)
{
    const char *down[] = {"/bin/bash", CP_SOURCE_DIR "/tests/rig/kubernetes/kube-down.sh",
                          "--purge", NULL};

    setenv("KUBE_DIR", r->dir, 1);
    if (!r->is_borrowed && run(down, NULL, NULL) != 0)
        die("kube-down.sh");
    buf_finish(&r->ca_pem);
    buf_finish(&r->token);
}
