/* SPDX-License-Identifier: Apache-2.0 */
#include "user_model.h"
#include "cleanup.h"

#include <stddef.h>
#include <string.h>

/* When a string is missing: null stays null, dash becomes "-" (contract 13.26 null policy). */
enum when_missing { STAYS_NULL, BECOMES_DASH, ALWAYS_EMPTY_ARRAY };

struct field {
    const char *name;
    enum when_missing when_missing;
    ptrdiff_t offset; /* of a const char * in the model; -1: this server never fills it */
};

#define AT(member) ((ptrdiff_t)offsetof(struct user_model, member))
static const struct field user_fields[] = {
    {"resultCode",              STAYS_NULL,         -1                       },
    {"resultMessage",           STAYS_NULL,         -1                       },
    {"httpStatusCode",          STAYS_NULL,         -1                       },
    {"detailMessage",           STAYS_NULL,         -1                       },
    {"clusterId",               STAYS_NULL,         AT(cluster_id)           },
    {"userId",                  BECOMES_DASH,       AT(user_id)              },
    {"userAuthId",              BECOMES_DASH,       AT(user_auth_id)         },
    {"password",                BECOMES_DASH,       -1                       },
    {"passwordConfirm",         BECOMES_DASH,       -1                       },
    {"email",                   BECOMES_DASH,       -1                       },
    {"clusterName",             BECOMES_DASH,       AT(cluster_name)         },
    {"clusterProviderType",     STAYS_NULL,         AT(cluster_provider_type)},
    {"clusterApiUrl",           BECOMES_DASH,       -1                       },
    {"clusterToken",            BECOMES_DASH,       -1                       },
    {"clusterType",             STAYS_NULL,         AT(cluster_type)         },
    {"cpNamespace",             BECOMES_DASH,       AT(namespace_name)       },
    {"cpAccountTokenName",      BECOMES_DASH,       -1                       },
    {"serviceAccountName",      BECOMES_DASH,       AT(service_account_name) },
    {"saSecret",                BECOMES_DASH,       -1                       },
    {"saToken",                 BECOMES_DASH,       -1                       },
    {"isActive",                STAYS_NULL,         -1                       },
    {"roleSetCode",             BECOMES_DASH,       AT(role_set_code)        },
    {"description",             BECOMES_DASH,       -1                       },
    {"userType",                BECOMES_DASH,       AT(user_type)            },
    {"created",                 STAYS_NULL,         AT(created)              },
    {"lastModified",            STAYS_NULL,         AT(last_modified)        },
    {"browser",                 BECOMES_DASH,       -1                       },
    {"clientIp",                BECOMES_DASH,       -1                       },
    {"selectValues",            ALWAYS_EMPTY_ARRAY, -1                       },
    {"cpProviderType",          BECOMES_DASH,       -1                       },
    {"serviceInstanceId",       BECOMES_DASH,       -1                       },
    {"secretName",              BECOMES_DASH,       -1                       },
    {"secretUid",               BECOMES_DASH,       -1                       },
    {"secretCreationTimestamp", BECOMES_DASH,       -1                       },
};
#undef AT

#define AT(member) ((ptrdiff_t)offsetof(struct cluster_model, member))
static const struct field cluster_fields[] = {
    {"userAuthId",        STAYS_NULL, -1                    },
    {"namespace",         STAYS_NULL, -1                    },
    {"clusterId",         STAYS_NULL, AT(cluster_id)        },
    {"clusterApiUrl",     STAYS_NULL, AT(api_url)           },
    {"name",              STAYS_NULL, AT(name)              },
    {"clusterToken",      STAYS_NULL, AT(token)             },
    {"clusterType",       STAYS_NULL, AT(cluster_type)      },
    {"providerType",      STAYS_NULL, AT(provider_type)     },
    {"description",       STAYS_NULL, AT(description)       },
    {"kubernetesVersion", STAYS_NULL, AT(kubernetes_version)},
    {"podCount",          STAYS_NULL, -1                    },
    {"created",           STAYS_NULL, AT(created)           },
    {"sshKey",            STAYS_NULL, AT(ssh_key)           },
    {"lastModified",      STAYS_NULL, AT(last_modified)     },
    {"nodeCount",         STAYS_NULL, -1                    },
};
#undef AT

static void write_field(struct buf *out, const struct field *f, const void *model)
{
    const char *value = NULL;

    if (f->offset >= 0)
        memcpy(&value, (const char *)model + f->offset, sizeof value);
    buf_append_char(out, '"');
    buf_append_str(out, f->name);
    buf_append_str(out, "\":");
    if (f->when_missing == ALWAYS_EMPTY_ARRAY)
        buf_append_str(out, "[]");
    else if (f->when_missing == BECOMES_DASH && (!value || !*value))
        buf_append_str(out, "\"-\"");
    else if (!value)
        buf_append_str(out, "null");
    else
        buf_append_json_string(out, value, strlen(value));
    buf_append_char(out, ',');
}

int user_model_write(struct buf *out, const struct user_model *u)
{
    buf_append_char(out, '{');
    for (size_t i = 0; i < ARRAY_LEN(user_fields); i++)
        write_field(out, &user_fields[i], u);
    return buf_printf(out, "\"id\":%lld}", (long long)u->id);
}

int cluster_model_write(struct buf *out, const struct cluster_model *c)
{
    const char *status = c->status ? c->status : "D";

    for (size_t i = 0; i < ARRAY_LEN(cluster_fields); i++)
        write_field(out, &cluster_fields[i], c);
    buf_printf(out, "\"isActive\":%s,\"status\":", c->is_active ? "true" : "false");
    return buf_append_json_string(out, status, strlen(status));
}
