#include "support/suite.h"

#include <stdlib.h>

#include "runtime/mesh_threads.h"

static const struct {
    const char *text;
    uint32_t rank_count;
    int splits_tokens;
} meshes[] = {
    { "tp:1", 1, 0 },      { "tp:2", 2, 0 },
    { "tp:4", 4, 0 },      { "tp:8", 8, 0 },
    { "dp:2,tp:2", 4, 0 }, { "dp:3", 3, 0 },
    { "ep:2,tp:2", 4, 0 }, { "fsdp:2,dp:2,tp:2", 8, 0 },
    { "sp:2", 2, 1 },      { "tp:2,sp:2", 4, 1 },
    { "sp:4", 4, 1 },      { "sp:3", 3, 1 },
    { "tp:8,sp:1", 8, 0 }, { "dp:2,tp:2,sp:2", 8, 1 },
    { "tp:4,sp:2", 8, 1 }, { "sp:2,tp:4", 8, 1 },
};

enum {
    MESH_COUNT = sizeof(meshes) / sizeof(meshes[0])
};

/* Every row is right on every mesh, and has the same bits on all that do not split tokens. */
START_TEST(rows_are_right_on_every_mesh)
{
    mesh_case mesh = mesh_threads_case();
    mesh_rows *const lone = malloc(sizeof(*lone));
    mesh_rows *const all = malloc(sizeof(*all));

    ck_assert(lone && all);
    mesh_threads_run(&mesh, lone);
    mesh.mesh = meshes[_i].text;
    mesh.rank_count = meshes[_i].rank_count;
    mesh_threads_run(&mesh, all);
    if (!meshes[_i].splits_tokens) {
        ck_assert_mem_eq(all->hashes, lone->hashes, sizeof(lone->hashes));
    }
    /* All ranks of a step group have all heads of all tokens: 23 + 3 + 96 + 16 + 27 tokens. */
    ck_assert_uint_eq(all->count, (uint64_t)mesh.rank_count * (23 + 3 + 96 + 16 + 27) *
                                      MESH_CASE_LAYERS * mesh.q_heads);
    free(lone);
    free(all);
}
END_TEST

/* q and out may be asked for in every place there is. */
START_TEST(results_come_where_they_are_asked_for)
{
    static const struct {
        kvspan_heads q_place;
        kvspan_heads out_place;
        kvspan_tokens out_tokens;
    } places[] = {
        { KVSPAN_HEADS_OF_KV, KVSPAN_HEADS_OF_KV, KVSPAN_TOKENS_ALL },
        { KVSPAN_HEADS_OF_KV, KVSPAN_HEADS_EVEN, KVSPAN_TOKENS_ALL },
        { KVSPAN_HEADS_EVEN, KVSPAN_HEADS_EVEN, KVSPAN_TOKENS_ALL },
        { KVSPAN_HEADS_EVEN, KVSPAN_HEADS_OF_KV, KVSPAN_TOKENS_ALL },
        { KVSPAN_HEADS_EVEN, KVSPAN_HEADS_ALL, KVSPAN_TOKENS_ALL },
        { KVSPAN_HEADS_OF_KV, KVSPAN_HEADS_OF_KV, KVSPAN_TOKENS_SPLIT },
        { KVSPAN_HEADS_EVEN, KVSPAN_HEADS_OF_KV, KVSPAN_TOKENS_SPLIT },
        { KVSPAN_HEADS_OF_KV, KVSPAN_HEADS_ALL, KVSPAN_TOKENS_SPLIT },
    };
    static const char *const texts[] = { "tp:8", "tp:4,sp:2", "tp:2,sp:3" };
    static const uint32_t rank_counts[] = { 8, 8, 6 };
    mesh_rows *const all = malloc(sizeof(*all));
    mesh_case mesh = mesh_threads_case();

    ck_assert_ptr_nonnull(all);
    mesh.kv_heads = 2;
    mesh.q_place = places[_i].q_place;
    mesh.out_place = places[_i].out_place;
    mesh.out_tokens = places[_i].out_tokens;
    for (uint32_t i = 0; i < 3; i++) {
        mesh.mesh = texts[i];
        mesh.rank_count = rank_counts[i];
        for (int has_sinks = 0; has_sinks < 2; has_sinks++) {
            mesh.has_sinks = has_sinks;
            mesh_threads_run(&mesh, all);
            ck_assert_uint_gt(all->count, 0);
        }
    }
    free(all);
}
END_TEST

/* Types, windows, caps, layouts, page sizes and shapes, on one mesh of each kind. */
START_TEST(every_setting_is_right_on_a_product_mesh)
{
    mesh_rows *const all = malloc(sizeof(*all));
    mesh_case mesh = mesh_threads_case();

    ck_assert_ptr_nonnull(all);
    mesh.mesh = _i % 2 ? "tp:2,sp:2" : "dp:2,tp:2";
    mesh.rank_count = 4;
    switch (_i / 2) {
    case 0: mesh.dtype = KVSPAN_F32; break;
    case 1: mesh.window = 7; break;
    case 2: mesh.soft_cap = 1.5f; break;
    case 3: mesh.layout = KVSPAN_LAYER_FIRST; break;
    case 4: mesh.page_tokens = 1 + 4 * 4; break;
    case 5:
        mesh.page_tokens = 3;
        mesh.window = 1;
        break;
    case 6:
        mesh.kv_heads = 2;
        mesh.q_heads = 6;
        break;
    case 7:
        mesh.kv_heads = 1; /* MQA: both tp ranks hold the one head */
        mesh.q_heads = 3;  /* no even shares: the first owner computes */
        break;
    case 8:
        mesh.partition_axis = "{\"kv_head_axis\": [\"dp\", \"tp\"], \"batch_axis\": null}";
        break;
    }
    mesh_threads_run(&mesh, all);
    free(all);
}
END_TEST

/* The copies of a kv head share its tokens: right in every place, on products with sp too. */
START_TEST(copies_that_split_the_sequence_are_right)
{
    static const struct {
        const char *text;
        uint32_t rank_count;
    } splits[] = {
        { "tp:4", 4 }, { "tp:8", 8 }, { "tp:4,sp:2", 8 }, { "sp:3,tp:4", 12 }, { "dp:2,tp:4", 8 }
    };
    static const struct {
        kvspan_heads q_place;
        kvspan_heads out_place;
        kvspan_tokens out_tokens;
    } places[] = { { KVSPAN_HEADS_EVEN, KVSPAN_HEADS_EVEN, KVSPAN_TOKENS_ALL },
                   { KVSPAN_HEADS_EVEN, KVSPAN_HEADS_OF_KV, KVSPAN_TOKENS_ALL },
                   { KVSPAN_HEADS_OF_KV, KVSPAN_HEADS_EVEN, KVSPAN_TOKENS_SPLIT },
                   { KVSPAN_HEADS_EVEN, KVSPAN_HEADS_ALL, KVSPAN_TOKENS_ALL } };
    mesh_rows *const all = malloc(sizeof(*all));
    mesh_case mesh = mesh_threads_case();

    ck_assert_ptr_nonnull(all);
    mesh.kv_heads = 2;
    mesh.heads_policy = KVSPAN_HEADS_SPLIT_SEQUENCE;
    mesh.mesh = splits[_i].text;
    mesh.rank_count = splits[_i].rank_count;
    for (uint32_t i = 0; i < 4; i++) {
        mesh.q_place = places[i].q_place;
        mesh.out_place = places[i].out_place;
        mesh.out_tokens = places[i].out_tokens;
        mesh.has_sinks = i % 2 == 0;
        mesh.window = i == 2 ? 9 : 0;
        mesh_threads_run(&mesh, all);
        ck_assert_uint_gt(all->count, 0);
    }
    free(all);
}
END_TEST

/* K and V of other types than q: right on a product mesh, and the same bits as on one rank. */
START_TEST(small_types_are_right_and_the_same_on_every_mesh)
{
    static const kvspan_dtype types[][3] = {
        { KVSPAN_F16 },
        { KVSPAN_BF16, KVSPAN_F8E4M3, KVSPAN_I8 },
        { KVSPAN_BF16, KVSPAN_I8, KVSPAN_I8 },
        { KVSPAN_F16, KVSPAN_I8, KVSPAN_F8E5M2 },
        { KVSPAN_F32, KVSPAN_I8 },
    };
    static const char *const texts[] = { "dp:2,tp:2", "tp:8", "tp:2,sp:2" };
    static const uint32_t rank_counts[] = { 4, 8, 4 };
    mesh_rows *const lone = malloc(sizeof(*lone));
    mesh_rows *const all = malloc(sizeof(*all));
    mesh_case mesh = mesh_threads_case();

    ck_assert(lone && all);
    mesh.dtype = types[_i][0];
    mesh.key_plane = types[_i][1];
    mesh.value_plane = types[_i][2];
    mesh_threads_run(&mesh, lone);
    for (uint32_t i = 0; i < 3; i++) {
        mesh.mesh = texts[i];
        mesh.rank_count = rank_counts[i];
        mesh_threads_run(&mesh, all);
        if (i < 2) {
            ck_assert_mem_eq(all->hashes, lone->hashes, sizeof(lone->hashes));
        }
    }
    free(lone);
    free(all);
}
END_TEST

/* Every rank decides alike: the same rows, without a message from anyone. */
START_TEST(replicated_control_gives_the_same_rows)
{
    mesh_rows *const coordinated = malloc(sizeof(*coordinated));
    mesh_rows *const replicated = malloc(sizeof(*replicated));
    mesh_case mesh = mesh_threads_case();

    ck_assert(coordinated && replicated);
    mesh.mesh = "dp:2,tp:2";
    mesh.rank_count = 4;
    mesh_threads_run(&mesh, coordinated);
    mesh.control = KVSPAN_REPLICATED;
    mesh_threads_run(&mesh, replicated);
    ck_assert_mem_eq(replicated->hashes, coordinated->hashes, sizeof(replicated->hashes));
    free(coordinated);
    free(replicated);
}
END_TEST

/* A layer group of its own for layer 1: another window, other kv heads, pages from the same arena.
 * What does not depend on the group keeps its bits. */
START_TEST(layer_groups_share_an_arena)
{
    static const struct {
        const char *text;
        uint32_t rank_count;
        uint32_t second_kv_heads;
        uint32_t second_window;
    } groups[] = { { "tp:1", 1, 2, 6 },
                   { "tp:2", 2, 2, 6 },
                   { "dp:2,tp:2", 4, 4, 1 },
                   { "tp:2,sp:2", 4, 2, 5 },
                   { "tp:2,sp:3", 6, 4, 17 } };
    mesh_rows *const lone = malloc(sizeof(*lone));
    mesh_rows *const all = malloc(sizeof(*all));
    mesh_case mesh = mesh_threads_case();

    ck_assert(lone && all);
    mesh.second_kv_heads = groups[_i].second_kv_heads;
    mesh.second_window = groups[_i].second_window;
    mesh_threads_run(&mesh, lone);
    mesh.mesh = groups[_i].text;
    mesh.rank_count = groups[_i].rank_count;
    mesh_threads_run(&mesh, all);
    if (_i < 3) {
        ck_assert_mem_eq(all->hashes, lone->hashes, sizeof(lone->hashes));
    }
    ck_assert_uint_gt(all->count, 0);
    free(lone);
    free(all);
}
END_TEST

/* A fork in the middle of a page goes its own way, on both layouts; so does its parent. */
START_TEST(a_fork_shares_its_parents_tokens_and_nothing_behind_them)
{
    static const char *const texts[] = { "tp:1", "tp:2", "tp:2,sp:2", "tp:4" };
    static const uint32_t rank_counts[] = { 1, 2, 4, 4 };
    mesh_rows *const all = malloc(sizeof(*all));
    mesh_case mesh = mesh_threads_case();

    ck_assert_ptr_nonnull(all);
    mesh.forks = 1;
    mesh.mesh = texts[_i / 2];
    mesh.rank_count = rank_counts[_i / 2];
    mesh.layout = _i % 2 ? KVSPAN_LAYER_FIRST : KVSPAN_PAGE_FIRST;
    mesh_threads_run(&mesh, all);
    /* The fork attends in its own rows only: 22 + 1 + 3 + 1 of them behind the shared 30. */
    ck_assert_uint_eq(all->hashes[4][29][0][0], 0);
    ck_assert_uint_ne(all->hashes[4][30][0][0], 0);
    ck_assert_uint_ne(all->hashes[4][56][0][0], 0);
    free(all);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime/cache_mesh");
    TCase *cases = tcase_create("mesh");

    tcase_set_timeout(cases, 0);
    tcase_add_loop_test(cases, rows_are_right_on_every_mesh, 0, MESH_COUNT);
    tcase_add_loop_test(cases, results_come_where_they_are_asked_for, 0, 8);
    tcase_add_loop_test(cases, every_setting_is_right_on_a_product_mesh, 0, 18);
    tcase_add_loop_test(cases, copies_that_split_the_sequence_are_right, 0, 5);
    tcase_add_test(cases, replicated_control_gives_the_same_rows);
    tcase_add_loop_test(cases, small_types_are_right_and_the_same_on_every_mesh, 0, 5);
    tcase_add_loop_test(cases, layer_groups_share_an_arena, 0, 5);
    tcase_add_loop_test(cases, a_fork_shares_its_parents_tokens_and_nothing_behind_them, 0, 8);
    suite_add_tcase(suite, cases);
    return suite_run(suite);
}
