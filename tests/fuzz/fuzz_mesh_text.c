/* Mesh text: u16 rank count, then the text. */
#include <stdbool.h>
#include <string.h>

#include "fuzz_target.h"
#include "sharding/mesh.h"

/* Its sizes multiply to the ranks, its own text makes it again, and ranks have coordinates. */
static void check_mesh(const kvspan_mesh *mesh, uint32_t rank_count)
{
    const uint32_t ranks[] = { 0, rank_count / 2, rank_count - 1 };
    char text[KVSPAN_MESH_TEXT_BYTES];
    char text_again[KVSPAN_MESH_TEXT_BYTES];
    uint32_t coordinate[KVSPAN_MESH_MAX_AXES];
    kvspan_mesh again;
    uint64_t product = 1;

    fuzz_check(mesh->axis_count >= 1);
    fuzz_check(mesh->axis_count <= KVSPAN_MESH_MAX_AXES);
    for (uint32_t i = 0; i < mesh->axis_count; i++) {
        fuzz_check(memchr(mesh->names[i], '\0', sizeof(mesh->names[i])));
        product *= mesh->sizes[i];
    }
    fuzz_check(product == rank_count);
    fuzz_check(mesh->rank_count == rank_count);
    for (uint32_t i = 0; i < 3; i++) {
        kvspan_mesh_coordinate(mesh, ranks[i], coordinate);
        fuzz_check(kvspan_mesh_rank(mesh, coordinate) == ranks[i]);
    }
    kvspan_mesh_format(mesh, text, sizeof(text));
    fuzz_check(memchr(text, '\0', sizeof(text)));
    fuzz_check(!kvspan_mesh_parse(text, rank_count, &again, NULL));
    kvspan_mesh_format(&again, text_again, sizeof(text_again));
    fuzz_check(strcmp(text, text_again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    fuzz_input input = { data, bytes };
    const uint32_t low = fuzz_take(&input);
    const uint32_t rank_count = 1 + (low | (uint32_t)fuzz_take(&input) << 8);
    char *text = malloc(input.left + 1);
    kvspan_error error = { .status = KVSPAN_OK };
    kvspan_mesh mesh;

    fuzz_check(text);
    memcpy(text, input.data, input.left);
    text[input.left] = '\0';
    if (kvspan_mesh_parse(text, rank_count, &mesh, &error)) {
        fuzz_check(error.status == KVSPAN_ERR_ARGUMENT);
    } else {
        check_mesh(&mesh, rank_count);
    }
    free(text);
    return 0;
}
