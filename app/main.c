/* SPDX-License-Identifier: Apache-2.0 */
#include "cleanup.h"
#include "command.h"

#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static const struct command commands[] = {
#define COMMAND(name, fn, required, optional, word, help)                                          \
    {name, fn, required, optional, word, help},
#include "commands.def"
#undef COMMAND
};

static const struct {
    const char *name, *value;
} options[OPT_COUNT] = {
#define X(id, value) [OPT_##id] = {#id, value},
    OPTIONS(X)
#undef X
};

/* "--api-url" is OPT_api_url: a dash on the command line is an underscore in the name */
static bool is_option(const char *arg, const char *name)
{
    if (strncmp(arg, "--", 2) != 0)
        return false;
    for (arg += 2; *arg && *name; arg++, name++)
        if (*arg != *name && !(*arg == '-' && *name == '_'))
            return false;
    return *arg == '\0' && *name == '\0';
}

static void print_option(FILE *out, const char *name, bool is_required)
{
    fputs(is_required ? " --" : " [--", out);
    for (const char *p = name; *p; p++)
        fputc(*p == '_' ? '-' : *p, out);
    for (int i = 0; i < OPT_COUNT; i++)
        if (strcmp(options[i].name, name) == 0 && options[i].value)
            fprintf(out, " %s", options[i].value);
    if (!is_required)
        fputc(']', out);
}

static void print_options(FILE *out, const char *names, bool is_required)
{
    char copy[256], *rest = NULL;

    snprintf(copy, sizeof copy, "%s", names);
    for (char *name = strtok_r(copy, " ", &rest); name; name = strtok_r(NULL, " ", &rest))
        print_option(out, name, is_required);
}

static void print_usage(FILE *out)
{
    fputs("usage: cp-portal COMMAND [options]\n       cp-portal --version | --help\n\n", out);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        const struct command *c = &commands[i];

        fprintf(out, "  %s", c->name);
        if (c->word)
            fprintf(out, " %s", c->word);
        print_options(out, c->required, true);
        print_options(out, c->optional, false);
        fprintf(out, "\n      %s\n", c->help);
    }
}

static bool names_option(const char *names, const char *name)
{
    size_t len = strlen(name);

    for (const char *p = strstr(names, name); p; p = strstr(p + 1, name))
        if ((p == names || p[-1] == ' ') && (p[len] == '\0' || p[len] == ' '))
            return true;
    return false;
}

/* @return how many of the words name a command, 0: none */
static int find_command(int argc, char **argv, const struct command **ret)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        const char *name = commands[i].name, *second = strchr(name, ' ');
        size_t len = second ? (size_t)(second - name) : strlen(name);

        if (argc < 2 || strlen(argv[1]) != len || strncmp(argv[1], name, len) != 0)
            continue;
        if (second && (argc < 3 || strcmp(argv[2], second + 1) != 0))
            continue;
        *ret = &commands[i];
        return second ? 2 : 1;
    }
    return 0;
}

static int usage_error(const char *what, const char *arg)
{
    fprintf(stderr, "cp-portal: %s: %s\ntry: cp-portal --help\n", what, arg);
    return -1;
}

/* Takes one option (and its value) or the free argument. @return how many words were used, or -1 */
static int take_argument(const struct command *c, int argc, char **argv, struct arguments *ret)
{
    if (argv[0][0] != '-') {
        if (!c->word || ret->word)
            return usage_error("unexpected argument", argv[0]);
        ret->word = argv[0];
        return 1;
    }
    for (int i = 0; i < OPT_COUNT; i++) {
        if (!is_option(argv[0], options[i].name) || (!names_option(c->required, options[i].name) &&
                                                     !names_option(c->optional, options[i].name)))
            continue;
        if (ret->option[i])
            return usage_error("given twice", argv[0]);
        if (options[i].value && argc < 2)
            return usage_error("needs a value", argv[0]);
        ret->option[i] = options[i].value ? argv[1] : "";
        return options[i].value ? 2 : 1;
    }
    return usage_error("unknown option for this command", argv[0]);
}

static int parse_arguments(const struct command *c, int argc, char **argv, struct arguments *ret)
{
    for (int i = 0; i < argc;) {
        int used = take_argument(c, argc - i, argv + i, ret);

        if (used < 0)
            return -1;
        i += used;
    }
    if (c->word && !ret->word)
        return usage_error("missing argument", c->word);
    for (int i = 0; i < OPT_COUNT; i++)
        if (names_option(c->required, options[i].name) && !ret->option[i])
            return usage_error("missing option", options[i].name);
    return 0;
}

/* Nothing of this process may end up in a core file or be read by another process of the same user.
 */
static void protect_memory(void)
{
    struct rlimit none = {0, 0};

    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

int main(int argc, char **argv)
{
    const struct command *c = NULL;
    struct arguments args = {.word = NULL};
    int words;

    protect_memory();
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        puts("cp-portal " CP_VERSION);
        return EXIT_OK;
    }
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        print_usage(stdout);
        return EXIT_OK;
    }
    words = find_command(argc, argv, &c);
    if (words == 0) {
        print_usage(stderr);
        return EXIT_USAGE;
    }
    if (parse_arguments(c, argc - 1 - words, argv + 1 + words, &args) < 0)
        return EXIT_USAGE;
    return c->run(&args);
}
