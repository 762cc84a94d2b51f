/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target over files, without libFuzzer: program FOLDER... Fails when there is none. */
#include "cleanup.h"

#include <dirent.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
    size_t cap = 0;
    char *data AUTO(free_p) = malloc(1u << 20);
    FILE *f = fopen(path, "re");

    if (!f || !data) {
        if (f)
            fclose(f);
        return -1;
    }
    cap = fread(data, 1, 1u << 20, f);
    fclose(f);
    LLVMFuzzerTestOneInput((const uint8_t *)data, cap);
    return 0;
}

static int replay_folder(const char *folder)
{
    struct dirent **names;
    int n = scandir(folder, &names, NULL, alphasort), count = 0;

    for (int i = 0; i < n; i++) {
        char path[1024];

        snprintf(path, sizeof(path), "%s/%s", folder, names[i]->d_name);
        if (names[i]->d_name[0] != '.' && replay_file(path) == 0)
            count++;
        free(names[i]);
    }
    if (n >= 0)
        free(names);
    return count;
}

int main(int argc, char **argv)
{
    int count = 0;

    for (int i = 1; i < argc; i++)
        count += replay_folder(argv[i]);
    printf("%d inputs\n", count);
    return count > 0 ? 0 : 1;
}
