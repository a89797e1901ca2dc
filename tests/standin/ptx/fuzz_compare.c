/* Runs the kernels of random functions and compares them with the host's functions:
 * fuzz_compare PTX LIBRARY COUNT SEED */
#include "standin/ptx/ptx.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    INPUTS = 200,
    BLOCK = 64
};

typedef struct input {
    uint32_t a, b, c;
    int32_t s, t;
    float f, g;
    uint32_t unused;
    uint64_t q;
} input;

typedef uint64_t (*host_function)(const input *in);

static uint64_t state;

static uint32_t random_bits(void)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 32);
}

static void input_fill(input *in)
{
    in->a = random_bits() >> (random_bits() >> 27);
    in->b = random_bits() >> (random_bits() >> 27);
    in->c = random_bits();
    in->s = (int32_t)random_bits() >> (random_bits() >> 27);
    in->t = (int32_t)random_bits();
    in->q = ((uint64_t)random_bits() << 32 | random_bits()) >> (random_bits() >> 26);
    in->f = (float)(int32_t)random_bits() / 65536.0f / (float)(1u << (random_bits() >> 27));
    in->g = (float)(int32_t)random_bits() / 1e6f;
    if (random_bits() % 10 == 0) {
        in->f = 0;
    }
    if (random_bits() % 20 == 0) {
        const uint32_t bits = random_bits() % 2 ? 0x7f800000 : random_bits();

        memcpy(&in->g, &bits, sizeof bits); /* infinity, NaN, subnormal … */
    }
}

static char *file_read(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *text = NULL;
    size_t length = 0;
    size_t got;

    if (!file) {
        return NULL;
    }
    do {
        text = realloc(text, length + 65537);
        if (!text) {
            abort();
        }
        got = fread(text + length, 1, 65536, file);
        length += got;
    } while (got);
    text[length] = '\0';
    (void)fclose(file);
    return text;
}

/* Number of values that differ; the first ones are printed. */
static uint32_t kernel_compare(const ptx_module *module, void *library, uint32_t index,
                               const input *inputs)
{
    uint64_t outputs[INPUTS] = { 0 };
    const uint64_t *out = outputs;
    const uint32_t count = INPUTS;
    const void *const parameters[] = { &inputs, &out, &count };
    char name[32];
    host_function host;
    ptx_report report;
    uint32_t differences = 0;

    (void)snprintf(name, sizeof name, "host_%u", index);
    *(void **)&host = dlsym(library, name);
    (void)snprintf(name, sizeof name, "kernel_%u", index);
    const ptx_launch launch = {
        .module = module,
        .kernel = ptx_module_kernel(module, name),
        .grid = { (INPUTS + BLOCK - 1) / BLOCK, 1, 1 },
        .block = { BLOCK, 1, 1 },
        .parameters = parameters,
    };

    if (!host || !launch.kernel || !ptx_launch_run(&launch, &report)) {
        printf("%s: %s\n", name, host && launch.kernel ? report.text : "missing");
        return 1;
    }
    for (uint32_t k = 0; k < INPUTS; ++k) {
        const uint64_t expected = host(&inputs[k]);

        if (outputs[k] != expected && differences++ < 3) {
            printf("%s, input %u: %016llx, on the host %016llx\n", name, k,
                   (unsigned long long)outputs[k], (unsigned long long)expected);
        }
    }
    return differences;
}

int main(int argc, char **argv)
{
    static input inputs[INPUTS];
    char text[PTX_TEXT_BYTES];
    uint32_t differences = 0;

    if (argc != 5) {
        (void)fprintf(stderr, "usage: fuzz_compare PTX LIBRARY COUNT SEED\n");
        return EXIT_FAILURE;
    }
    char *ptx = file_read(argv[1]);
    void *library = dlopen(argv[2], RTLD_NOW);
    ptx_module *module = ptx ? ptx_module_parse(ptx, text) : NULL;
    const uint32_t count = (uint32_t)strtoul(argv[3], NULL, 10);

    if (!module || !library) {
        (void)fprintf(stderr, "%s\n", !library ? dlerror() : ptx ? text : argv[1]);
        return EXIT_FAILURE;
    }
    state = strtoull(argv[4], NULL, 10);
    for (uint32_t k = 0; k < INPUTS; ++k) {
        input_fill(&inputs[k]);
    }
    for (uint32_t i = 0; i < count; ++i) {
        differences += kernel_compare(module, library, i, inputs);
    }
    printf("seed %s: %u values, %u differ\n", argv[4], count * INPUTS, differences);
    ptx_module_free(module);
    dlclose(library);
    free(ptx);
    return differences ? EXIT_FAILURE : EXIT_SUCCESS;
}
