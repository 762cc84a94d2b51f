/* SPDX-License-Identifier: Apache-2.0 */
#include "endpoints.h"

#include "cleanup.h"

#include <string.h>

#define PORTS_MAX_BYTES (1 * MIB)

/* In the order of the answer: an address that is not ready is listed all the same (BUG-48). */
static const char *const address_lists[] = {"addresses", "notReadyAddresses"};

/* @return the text of @p key, NULL when it is absent, empty or no text */
static const char *text_at(const json_t *obj, const char *key)
{
    const char *s = json_string_value(json_object_get(obj, key));

    return s && *s ? s : NULL;
}

/* @return the number of ports; without any the subset is no endpoint */
static size_t port_count(const json_t *subset)
{
    return json_array_size(json_object_get(subset, "ports"));
}

json_t *kube_endpoints_nodes(const json_t *doc)
{
    json_t *nodes = json_object(), *subset, *address;
    size_t s, i;

    json_array_foreach (json_object_get(doc, "subsets"), s, subset) {
        for (size_t l = 0; l < ARRAY_LEN(address_lists) && port_count(subset) > 0; l++)
            json_array_foreach (json_object_get(subset, address_lists[l]), i, address) {
                const char *name = text_at(address, "nodeName");

                if (name)
                    json_object_set_new(nodes, name, json_null());
            }
    }
    return nodes;
}

static void put_text(struct buf *out, const char *s, const char *missing)
{
    if (s)
        buf_append_json_string(out, s, strlen(s));
    else
        buf_append_str(out, missing);
}

static void put_port(const json_t *port, struct buf *out)
{
    buf_append_str(out, "{\"name\":");
    put_text(out, text_at(port, "name"), "\"[-]\"");
    buf_printf(out, ",\"port\":%lld,\"protocol\":",
               (long long)json_integer_value(json_object_get(port, "port")));
    put_text(out, text_at(port, "protocol"), "null");
    buf_append_char(out, '}');
}

static void put_ports(const json_t *subset, struct buf *out)
{
    json_t *port;
    size_t i;

    json_array_foreach (json_object_get(subset, "ports"), i, port) {
        if (i > 0)
            buf_append_char(out, ',');
        put_port(port, out);
    }
}

static void put_address(const json_t *address, const json_t *nodes, const struct buf *ports,
                        struct buf *out)
{
    const char *node = text_at(address, "nodeName");

    buf_append_str(out, "{\"host\":");
    put_text(out, text_at(address, "ip"), "null");
    buf_append_str(out, ",\"nodes\":");
    put_text(out, node, "\"[-]\"");
    buf_append_str(out, ",\"ready\":");
    put_text(out, node ? text_at(nodes, node) : NULL, "\"[-]\"");
    buf_append_str(out, ",\"ports\":[");
    buf_append(out, ports->data, ports->len);
    buf_append_str(out, "]}");
}

/* @return false when the ports alone are too many */
static bool put_subset(const json_t *subset, const json_t *nodes, bool *is_first, struct buf *out)
{
    struct buf ports AUTO(buf_finish_p) = BUF_INIT(PORTS_MAX_BYTES);
    json_t *address;
    size_t i;

    put_ports(subset, &ports);
    for (size_t l = 0; l < ARRAY_LEN(address_lists); l++)
        json_array_foreach (json_object_get(subset, address_lists[l]), i, address) {
            if (!*is_first)
                buf_append_char(out, ',');
            *is_first = false;
            put_address(address, nodes, &ports, out);
            if (buf_failed(out))
                return false;
        }
    return !buf_failed(&ports);
}

int kube_endpoints_render(const json_t *doc, const json_t *nodes, struct buf *ret,
                          struct app_error *err)
{
    bool is_first = true, fits = true;
    json_t *subset;
    size_t i;

    if (json_is_null(doc))
        return app_fail(err, APP_CODE_ERROR, "endpoints: null");
    if (!json_is_object(doc))
        return app_fail(err, APP_UPSTREAM_BROKEN, "endpoints: not an object");
    buf_append_str(ret, "\"endpoints\":[");
    json_array_foreach (json_object_get(doc, "subsets"), i, subset) {
        if (fits && port_count(subset) > 0)
            fits = put_subset(subset, nodes, &is_first, ret);
    }
    if (buf_append_char(ret, ']') < 0 || !fits)
        return app_fail(err, APP_UPSTREAM_BROKEN, "endpoints: too many");
    return 0;
}
