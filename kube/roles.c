/* SPDX-License-Identifier: Apache-2.0 */
#include "roles.h"

#include "cleanup.h"

#include <stdbool.h>
#include <string.h>

#define RBAC "rbac.authorization.k8s.io"
#define VERBS_READ "get list watch"
#define VERBS_WRITE "create delete deletecollection patch update"
#define VERBS_ALL VERBS_READ " " VERBS_WRITE

/* Lists are separated by blanks; group "" is the core group. */
struct rule {
    const char *group, *resources, *verbs;
};

#define APPS_ALL                                                                                   \
    "controllerrevisions daemonsets daemonsets/status deployments deployments/scale "              \
    "deployments/status replicasets replicasets/scale replicasets/status statefulsets "            \
    "statefulsets/scale statefulsets/status"
#define CORE_FIRST                                                                                 \
    "configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods "              \
    "replicationcontrollers replicationcontrollers/scale serviceaccounts services services/status"

/* Rows 1-10 of cp-init-role, shared by cp-admin-role; row 1's "secrets" is added per role. */
#define SHARED_READ_RULES                                                                          \
    {"",                                                                                           \
     "bindings events limitranges namespaces/status pods/log pods/status "                         \
     "replicationcontrollers/status resourcequotas resourcequotas/status",                         \
     VERBS_READ},                                                                                  \
        {"", "namespaces", VERBS_READ}, {"discovery.k8s.io", "endpointslices", VERBS_READ},        \
        {"apps", APPS_ALL, VERBS_READ},                                                            \
        {"autoscaling", "horizontalpodautoscalers horizontalpodautoscalers/status", VERBS_READ},   \
        {"batch", "cronjobs cronjobs/status jobs jobs/status", VERBS_READ},                        \
        {"extensions",                                                                             \
         "daemonsets daemonsets/status deployments deployments/scale deployments/status "          \
         "ingresses ingresses/status networkpolicies replicasets replicasets/scale "               \
         "replicasets/status replicationcontrollers/scale",                                        \
         VERBS_READ},                                                                              \
        {"policy", "poddisruptionbudgets poddisruptionbudgets/status", VERBS_READ},                \
    {                                                                                              \
        "networking.k8s.io", "ingresses ingresses/status networkpolicies", VERBS_READ              \
    }

static const struct rule init_rules[] = {
    {"",   CORE_FIRST " secrets", VERBS_READ},
    SHARED_READ_RULES,
    {RBAC, "rolebindings roles",  VERBS_READ},
};

static const struct rule admin_rules[] = {
    {"",                     "pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy", VERBS_READ   },
    {"",                     "serviceaccounts",                                                          "impersonate"},
    {"",                     "pods pods/attach pods/exec pods/portforward pods/proxy",                   VERBS_WRITE  },
    {"",                     "pods/eviction",                                                            "create"     },
    {"",
     "configmaps events persistentvolumeclaims replicationcontrollers "
     "replicationcontrollers/scale secrets serviceaccounts services services/proxy",                     VERBS_WRITE  },
    {"",                     "serviceaccounts/token",                                                    "create"     },
    {"apps",
     "daemonsets deployments deployments/rollback deployments/scale replicasets replicasets/scale "
     "statefulsets statefulsets/scale",                                                                  VERBS_WRITE  },
    {"autoscaling",          "horizontalpodautoscalers",                                                 VERBS_WRITE  },
    {"batch",                "cronjobs jobs",                                                            VERBS_WRITE  },
    {"extensions",
     "daemonsets deployments deployments/rollback deployments/scale ingresses networkpolicies "
     "replicasets replicasets/scale replicationcontrollers/scale",                                       VERBS_WRITE  },
    {"policy",               "poddisruptionbudgets",                                                     VERBS_WRITE  },
    {"networking.k8s.io",    "ingresses networkpolicies",                                                VERBS_WRITE  },
    {"coordination.k8s.io",  "leases",                                                                   VERBS_ALL    },
    {"",                     CORE_FIRST,                                                                 VERBS_READ   },
    SHARED_READ_RULES,
    {"authorization.k8s.io", "localsubjectaccessreviews",                                                "create"     },
    {RBAC,                   "rolebindings roles",                                                       VERBS_ALL    },
};

static const struct {
    const char *name;
    const struct rule *rules;
    size_t count;
} roles[] = {
    {KUBE_ROLE_INIT,  init_rules,  ARRAY_LEN(init_rules) },
    {KUBE_ROLE_ADMIN, admin_rules, ARRAY_LEN(admin_rules)},
};

/* @return @p words, separated by blanks, as an array of strings; NULL when memory is short */
static json_t *words_json(const char *words)
{
    json_t *list = json_array();

    while (list && *words) {
        size_t len = strcspn(words, " ");

        if (json_array_append_new(list, json_stringn(words, len)) < 0) {
            json_decref(list);
            return NULL;
        }
        words += len + (words[len] == ' ');
    }
    return list;
}

static json_t *rules_json(const struct rule *rules, size_t count)
{
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++) {
        json_t *rule =
            json_pack("{s:[s], s:o, s:o}", "apiGroups", rules[i].group, "resources",
                      words_json(rules[i].resources), "verbs", words_json(rules[i].verbs));

        if (json_array_append_new(list, rule) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

json_t *kube_role_json(const char *role, const char *namespace_name)
{
    for (size_t i = 0; i < ARRAY_LEN(roles); i++)
        if (strcmp(roles[i].name, role) == 0)
            return json_pack("{s:s, s:s, s:{s:s, s:s}, s:o}", "apiVersion", RBAC "/v1", "kind",
                             "Role", "metadata", "name", role, "namespace", namespace_name, "rules",
                             rules_json(roles[i].rules, roles[i].count));
    return NULL;
}
