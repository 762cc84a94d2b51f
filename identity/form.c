/* SPDX-License-Identifier: Apache-2.0 */
#include "form.h"

#include "codec.h"

#include <string.h>

const char *form_get(const struct form *f, const char *name)
{
    for (size_t i = 0; i < f->count; i++)
        if (strcmp(f->fields[i].name, name) == 0)
            return f->fields[i].value;
    return NULL;
}

static int add_field(struct arena *a, struct text pair, struct form *f, struct app_error *err)
{
    const char *eq = memchr(pair.p, '=', pair.len);
    size_t name_len = eq ? (size_t)(eq - pair.p) : pair.len, len;
    struct text value = {eq ? eq + 1 : "", eq ? pair.len - name_len - 1 : 0};
    const char *n = uri_decode_query(a, (struct text){pair.p, name_len}, &len);
    const char *v = uri_decode_query(a, value, &len);

    if (!n || !v || !n[0])
        return app_fail(err, APP_BAD_REQUEST, "form: bad parameter");
    if (form_get(f, n))
        return app_fail(err, APP_BAD_REQUEST, "form: a parameter twice");
    if (f->count == FORM_FIELDS_MAX)
        return app_fail(err, APP_BAD_REQUEST, "form: too many parameters");
    f->fields[f->count].name = n;
    f->fields[f->count].value = v;
    f->count++;
    return 0;
}

int form_parse(struct arena *a, struct text body, struct form *ret, struct app_error *err)
{
    ret->count = 0;
    while (body.len > 0) {
        const char *amp = memchr(body.p, '&', body.len);
        size_t len = amp ? (size_t)(amp - body.p) : body.len;

        if (add_field(a, (struct text){body.p, len}, ret, err) < 0)
            return -1;
        len += amp ? 1 : 0;
        body = (struct text){body.p + len, body.len - len};
    }
    return 0;
}
