/** @file
 * Runs a fuzz target on the files given and on all files of the folders given: the fuzzer's finds
 * as a test that any compiler can build.
 */
#include <dirent.h>
#include <sys/stat.h>

#include "fuzz_target.h"

enum {
    MAX_INPUT_BYTES = 1 << 20,
    MAX_PATH_BYTES = 4096
};

/* Hands over a copy of just its length, so that reading behind it is noticed. */
static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *room = malloc(MAX_INPUT_BYTES);
    uint8_t *data = NULL;
    size_t bytes;

    if (!file || !room) {
        (void)fprintf(stderr, "%s cannot be read\n", path);
        free(room);
        if (file) {
            (void)fclose(file);
        }
        return 0;
    }
    bytes = fread(room, 1, MAX_INPUT_BYTES, file);
    (void)fclose(file);
    data = realloc(room, bytes ? bytes : 1); /* so that a sanitizer sees its end */
    if (!data) {
        data = room;
    }
    (void)LLVMFuzzerTestOneInput(data, bytes);
    free(data);
    return 1;
}

static int replay_folder(const char *folder)
{
    DIR *entries = opendir(folder);
    const struct dirent *entry;
    char path[MAX_PATH_BYTES];
    int count = 0;

    if (!entries) {
        return 0;
    }
    while ((entry = readdir(entries))) {
        struct stat info;

        if (snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name) < (int)sizeof(path) &&
            stat(path, &info) == 0 && S_ISREG(info.st_mode)) {
            count += replay_file(path);
        }
    }
    (void)closedir(entries);
    return count;
}

int main(int argc, char **argv)
{
    int total = 0;

    for (int i = 1; i < argc; i++) {
        struct stat info;
        int count = 0;

        if (stat(argv[i], &info) == 0) {
            count = S_ISDIR(info.st_mode) ? replay_folder(argv[i]) : replay_file(argv[i]);
        }
        if (count == 0) {
            (void)fprintf(stderr, "%s holds no input\n", argv[i]);
            return EXIT_FAILURE;
        }
        total += count;
    }
    (void)printf("%d inputs\n", total);
    return total > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
