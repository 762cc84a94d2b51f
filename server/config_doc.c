/* SPDX-License-Identifier: Apache-2.0 */
/* The sample file and the documentation, from the same table as the loader. */
#include "cleanup.h"
#include "config_priv.h"

#include <string.h>

static const char *const type_names[] = {"text", "integer", "boolean", "list", "secret file"};

static struct text section_of(const char *key)
{
    return (struct text){key, (size_t)(strchr(key, '.') - key)};
}

static void write_range(struct buf *out, const struct config_row *r)
{
    if (r->type == CONFIG_INT)
        buf_printf(out, "%lld to %lld", (long long)r->lower, (long long)r->upper);
    else if (r->type == CONFIG_BOOL)
        buf_append_str(out, "true, false");
    else if (r->type == CONFIG_LIST)
        buf_printf(out, "%lld to %lld elements", (long long)r->lower, (long long)r->upper);
    else
        buf_printf(out, "up to %lld bytes", (long long)r->upper);
}

static void write_default(struct buf *out, const struct config_row *r)
{
    if (r->type == CONFIG_INT || r->type == CONFIG_BOOL)
        buf_append_str(out, r->fallback);
    else if (r->type == CONFIG_LIST)
        buf_printf(out, "[\"%s\"]", r->fallback); /* every default list has one element */
    else
        buf_append_json_string(out, r->fallback, strlen(r->fallback));
}

static void write_sample_key(struct buf *out, const struct config_row *r)
{
    buf_printf(out, "#  # %s (", r->help);
    write_range(out, r);
    if (r->unit[0] && r->type == CONFIG_INT)
        buf_printf(out, " %s", r->unit);
    buf_printf(out, "; %s)\n#  %s: ", r->env, strchr(r->key, '.') + 1);
    write_default(out, r);
    buf_append_char(out, '\n');
}

/* Rows of one section need not stand together in the table, so each section is written at its first
 * row. */
static bool is_first_of_section(int k)
{
    struct text section = section_of(config_row((enum config_key)k)->key);

    for (int i = 0; i < k; i++) {
        if (text_eq(section_of(config_row((enum config_key)i)->key), section))
            return false;
    }
    return true;
}

int config_write_sample(struct buf *out)
{
    buf_append_str(out, "# Configuration of cp-portal. Everything is optional but the version; the "
                        "values shown are the defaults.\nversion: 1\n");
    for (int k = 0; k < CFG_COUNT; k++) {
        struct text section = section_of(config_row((enum config_key)k)->key);

        if (!is_first_of_section(k))
            continue;
        buf_printf(out, "\n#%.*s:\n", (int)section.len, section.p);
        for (int i = k; i < CFG_COUNT; i++) {
            if (text_eq(section_of(config_row((enum config_key)i)->key), section))
                write_sample_key(out, config_row((enum config_key)i));
        }
    }
    return buf_failed(out) ? -1 : 0;
}

static void write_cell(struct buf *out, const char *s)
{
    for (; *s; s++) {
        if (*s == '|')
            buf_append_char(out, '\\');
        buf_append_char(out, *s);
    }
}

int config_write_docs(struct buf *out)
{
    buf_append_str(out, "# Configuration\n\n"
                        "One YAML file (`version: 1`, nested keys), overridden by environment "
                        "variables; secrets are files. Made by `cp-portal config-docs`; `cp-portal "
                        "config-sample` prints a file to start from.\n\n");
    buf_append_str(out, "| key | environment | type | unit | range | default | meaning |\n"
                        "|---|---|---|---|---|---|---|\n");
    for (int k = 0; k < CFG_COUNT; k++) {
        const struct config_row *r = config_row((enum config_key)k);

        buf_printf(out, "| `%s` | `%s` | %s | ", r->key, r->env, type_names[r->type]);
        write_cell(out, r->unit);
        buf_append_str(out, " | ");
        write_range(out, r);
        buf_append_str(out, " | ");
        if (r->fallback[0])
            buf_printf(out, "`%s`", r->fallback);
        buf_append_str(out, " | ");
        write_cell(out, r->help);
        buf_append_str(out, " |\n");
    }
    return buf_failed(out) ? -1 : 0;
}
