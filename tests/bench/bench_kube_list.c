/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPU of the list engine per pod (budget: 10-12 us with -O2), pods of 12.5 KB of which about 43 %
 * are managedFields, in chunks as curl delivers them. Thread CPU time. Prints one JSON object.
 */
#include "buf.h"
#include "cleanup.h"
#include "clock.h"
#include "list.h"

#include <assert.h>

#define CHUNK_BYTES 8600

static double cpu_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void put_managed_fields(struct buf *b)
{
    static const char *const names[] = {"terminationGracePeriodSeconds",
                                        "imagePullPolicy",
                                        "env",
                                        "resources",
                                        "livenessProbe",
                                        "volumeMounts"};

    buf_append_str(b, "\"managedFields\":[");
    for (int m = 0; m < 3; m++) {
        buf_printf(
            b,
            "%s{\"manager\":\"kube-controller-manager\",\"operation\":\"Update\","
            "\"apiVersion\":\"v1\",\"time\":\"2026-11-24T00:00:0%dZ\",\"fieldsType\":"
            "\"FieldsV1\",\"fieldsV1\":{\"f:metadata\":{\"f:labels\":{\".\":{},\"f:app\":{}}}",
            m ? "," : "", m);
        for (int k = 0; k < 22; k++)
            buf_printf(b,
                       ",\"f:%s-%d\":{\".\":{},\"k:{\\\"name\\\":\\\"c%d\\\"}\":{\"f:value\":{}}}",
                       names[k % 6], k, k);
        buf_append_str(b, "}}");
    }
    buf_append_str(b, "],");
}

static void put_container(struct buf *b, int n)
{
    buf_printf(b, "%s{\"name\":\"container-%d\",\"image\":\"registry.example/team/app-%d:1.2.3\",",
               n ? "," : "", n, n);
    buf_append_str(
        b, "\"ports\":[{\"name\":\"http\",\"containerPort\":8080,\"protocol\":\"TCP\"}],\"env\":[");
    for (int e = 0; e < 10; e++)
        buf_printf(b, "%s{\"name\":\"SETTING_%d\",\"value\":\"a value of some length %d\"}",
                   e ? "," : "", e, e);
    buf_append_str(
        b,
        "],\"resources\":{\"limits\":{\"cpu\":\"500m\",\"memory\":\"512Mi\"},\"requests\":{\"cpu\":"
        "\"100m\",\"memory\":\"128Mi\"}},\"volumeMounts\":[{\"name\":\"data\",\"mountPath\":\"/"
        "data\"},"
        "{\"name\":\"kube-api-access\",\"readOnly\":true,\"mountPath\":\"/var/run/secrets/"
        "kubernetes.io/"
        "serviceaccount\"}],\"livenessProbe\":{\"httpGet\":{\"path\":\"/healthz\",\"port\":8080,"
        "\"scheme\":\"HTTP\"},\"timeoutSeconds\":1,\"periodSeconds\":10,\"successThreshold\":1,"
        "\"failureThreshold\":3},\"terminationMessagePath\":\"/dev/"
        "termination-log\",\"imagePullPolicy\":"
        "\"IfNotPresent\"}");
}

static void put_status(struct buf *b)
{
    static const char *const conditions[] = {"Initialized", "Ready", "ContainersReady",
                                             "PodScheduled"};

    buf_append_str(b, "\"status\":{\"phase\":\"Running\",\"conditions\":[");
    for (int c = 0; c < 4; c++)
        buf_printf(
            b,
            "%s{\"type\":\"%s\",\"status\":\"True\",\"lastProbeTime\":null,\"lastTransitionTime\":"
            "\"2026-11-24T00:00:00Z\"}",
            c ? "," : "", conditions[c]);
    buf_append_str(
        b,
        "],\"hostIP\":\"10.0.0.1\",\"podIP\":\"10.244.1.7\",\"podIPs\":[{\"ip\":\"10.244.1.7\"}],"
        "\"startTime\":\"2026-11-24T00:00:00Z\",\"containerStatuses\":[");
    for (int c = 0; c < 3; c++)
        buf_printf(b,
                   "%s{\"name\":\"container-%d\",\"state\":{\"running\":{\"startedAt\":\"2026-11-"
                   "24T00:00:01Z\"}},"
                   "\"lastState\":{},\"ready\":true,\"restartCount\":%d,\"image\":\"registry."
                   "example/team/app:1\","
                   "\"imageID\":\"registry.example/team/"
                   "app@sha256:0123456789abcdef0123456789abcdef\",\"started\":true}",
                   c ? "," : "", c, c);
    buf_append_str(b, "],\"qosClass\":\"Burstable\"}");
}

static void put_pod(struct buf *b, unsigned n)
{
    unsigned mixed = n * 2654435761u;

    buf_printf(
        b,
        "%s{\"metadata\":{\"name\":\"web-%08x\",\"generateName\":\"web-\",\"namespace\":\"ns-%u\","
        "\"uid\":\"00000000-0000-0000-0000-%012u\",\"resourceVersion\":\"%u\","
        "\"creationTimestamp\":"
        "\"2026-11-%02uT%02u:%02u:00Z\",\"labels\":{\"app\":\"web\",\"tier\":\"front\",\"pod-"
        "template-hash\":"
        "\"67869dc9c5\"},\"annotations\":{\"kubectl.kubernetes.io/last-applied-configuration\":\"",
        n ? "," : "", mixed, n % 50, n, n, 1 + mixed % 28, mixed % 24, mixed % 60);
    for (int i = 0; i < 24; i++)
        buf_printf(b, "{\\\"apiVersion\\\":\\\"v1\\\",\\\"key%d\\\":\\\"value\\\"}", i);
    buf_append_str(b, "\"},\"ownerReferences\":[{\"apiVersion\":\"apps/"
                      "v1\",\"kind\":\"ReplicaSet\",\"name\":\"web\","
                      "\"uid\":\"u\",\"controller\":true}],");
    put_managed_fields(b);
    buf_append_str(b, "\"finalizers\":[]},\"spec\":{\"volumes\":[{\"name\":\"data\",\"emptyDir\":{}"
                      "}],\"containers\":[");
    for (int c = 0; c < 3; c++)
        put_container(b, c);
    buf_append_str(b, "],\"restartPolicy\":\"Always\",\"nodeName\":\"node-7\",\"schedulerName\":"
                      "\"default-scheduler\"},");
    put_status(b);
    buf_append_char(b, '}');
}

static double run_once(const struct buf *in, const struct list_query *q)
{
    struct buf out AUTO(buf_finish_p) = BUF_INIT(64u * MIB);
    double began = cpu_us();
    struct list_run *run AUTO(list_run_destroy_p) =
        list_run_create(kube_kind_find("pods"), q, NULL);
    int rc = 0;

    for (size_t i = 0; i < in->len; i += CHUNK_BYTES)
        rc |=
            list_run_feed(run, in->data + i, in->len - i < CHUNK_BYTES ? in->len - i : CHUNK_BYTES);
    rc |= list_run_finish(run, &out, NULL);
    assert(rc == 0);
    return cpu_us() - began;
}

/* The best of several: the machine is shared. */
static double best_us(const struct buf *in, uint64_t limit)
{
    struct list_query q = {.descending = true, .limit = limit, .utc_offset_min = 540};
    double best = run_once(in, &q);

    for (int i = 0; i < 9; i++) {
        double us = run_once(in, &q);

        best = us < best ? us : best;
    }
    return best;
}

int main(void)
{
    static const unsigned counts[] = {200, 5000};
    const char *comma = "";

    printf("{\"bench\": \"kube_list\", \"rows\": [");
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        struct buf in AUTO(buf_finish_p) = BUF_INIT(128u * MIB);
        double page, all;

        buf_append_str(&in, "{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"metadata\":{"
                            "\"resourceVersion\":\"5\"},\"items\":[");
        for (unsigned n = 0; n < counts[i]; n++)
            put_pod(&in, n);
        buf_append_str(&in, "]}");
        assert(!buf_failed(&in));
        page = best_us(&in, 10);
        all = best_us(&in, 0);
        printf("%s\n {\"pods\": %u, \"bytes_per_pod\": %zu, \"page10_us_per_pod\": %.2f, "
               "\"all_us_per_pod\": %.2f, "
               "\"mb_per_s\": %.0f}",
               comma, counts[i], in.len / counts[i], page / counts[i], all / counts[i],
               (double)in.len / page);
        comma = ",";
    }
    printf("\n]}\n");
    return 0;
}
