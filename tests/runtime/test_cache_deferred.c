#include "support/suite.h"

#include <stdlib.h>

#include "runtime/mesh_threads.h"

/* The mesh cases on a device that is late: see support/deferred_device.h. */

static mesh_case base_case(uint64_t seed)
{
    mesh_case mesh = mesh_threads_case();

    mesh.deferred_seed = seed;
    return mesh;
}

static const struct {
    const char *text;
    uint32_t rank_count;
    int splits_tokens;
} meshes[] = {
    { "tp:1", 1, 0 },      { "tp:2", 2, 0 },           { "tp:4", 4, 0 },
    { "dp:2,tp:2", 4, 0 }, { "sp:2", 2, 1 },           { "sp:3", 3, 1 },
    { "tp:2,sp:2", 4, 1 }, { "dp:2,tp:2,sp:2", 8, 1 }, { "tp:8", 8, 0 },
};

enum {
    MESH_COUNT = sizeof(meshes) / sizeof(meshes[0]),
    SEEDS = 3
};

/* Right on every mesh however late things are done, and the same bits as when done at once. */
START_TEST(rows_are_right_however_late_the_device_is)
{
    mesh_rows *const lone = malloc(sizeof(*lone));
    mesh_rows *const all = malloc(sizeof(*all));
    mesh_case mesh = base_case(3);

    ck_assert(lone && all);
    mesh_threads_run(&mesh, lone);
    mesh.mesh = meshes[_i].text;
    mesh.rank_count = meshes[_i].rank_count;
    for (mesh.deferred_seed = 1; mesh.deferred_seed <= SEEDS; mesh.deferred_seed++) {
        mesh.has_sinks = 0;
        mesh.layout = mesh.deferred_seed % 2 ? KVSPAN_PAGE_FIRST : KVSPAN_LAYER_FIRST;
        mesh_threads_run(&mesh, all);
        if (!meshes[_i].splits_tokens) {
            ck_assert_mem_eq(all->hashes, lone->hashes, sizeof(lone->hashes));
        }
        mesh.has_sinks = 1;
        mesh_threads_run(&mesh, all);
    }
    free(lone);
    free(all);
}
END_TEST

/* Where results travel, they do so while others are computed. */
START_TEST(exchanges_overlap_attention)
{
    static const char *const texts[] = { "tp:2", "sp:2", "tp:2,sp:2" };
    static const uint32_t rank_counts[] = { 2, 2, 4 };
    mesh_rows *const all = malloc(sizeof(*all));
    mesh_case mesh = base_case(0);
    uint64_t overlaps = 0;

    ck_assert_ptr_nonnull(all);
    mesh.mesh = texts[_i];
    mesh.rank_count = rank_counts[_i];
    for (mesh.deferred_seed = 4; mesh.deferred_seed < 4 + SEEDS; mesh.deferred_seed++) {
        mesh_threads_run(&mesh, all);
        overlaps += all->overlaps;
    }
    ck_assert_msg(overlaps > 0, "%s: nothing overlapped", mesh.mesh);
    free(all);
}
END_TEST

START_TEST(results_come_where_they_are_asked_for)
{
    static const struct {
        kvspan_heads q_place;
        kvspan_heads out_place;
        kvspan_tokens out_tokens;
    } places[] = {
        { KVSPAN_HEADS_OF_KV, KVSPAN_HEADS_OF_KV, KVSPAN_TOKENS_ALL },
        { KVSPAN_HEADS_EVEN, KVSPAN_HEADS_OF_KV, KVSPAN_TOKENS_ALL },
        { KVSPAN_HEADS_EVEN, KVSPAN_HEADS_EVEN, KVSPAN_TOKENS_SPLIT },
        { KVSPAN_HEADS_EVEN, KVSPAN_HEADS_ALL, KVSPAN_TOKENS_ALL },
        { KVSPAN_HEADS_OF_KV, KVSPAN_HEADS_ALL, KVSPAN_TOKENS_SPLIT },
    };
    static const char *const texts[] = { "tp:8", "tp:4,sp:2", "tp:2,sp:3" };
    static const uint32_t rank_counts[] = { 8, 8, 6 };
    mesh_rows *const all = malloc(sizeof(*all));
    mesh_case mesh = base_case((uint64_t)_i + 10);

    ck_assert_ptr_nonnull(all);
    mesh.kv_heads = 2;
    mesh.q_place = places[_i].q_place;
    mesh.out_place = places[_i].out_place;
    mesh.out_tokens = places[_i].out_tokens;
    for (uint32_t i = 0; i < 3; i++) {
        mesh.mesh = texts[i];
        mesh.rank_count = rank_counts[i];
        mesh.has_sinks = i % 2 == 0;
        mesh.wants_lse = i < 2;
        mesh_threads_run(&mesh, all);
    }
    free(all);
}
END_TEST

START_TEST(copies_that_split_the_sequence_are_right)
{
    static const char *const texts[] = { "tp:4", "tp:4,sp:2", "tp:8" };
    static const uint32_t rank_counts[] = { 4, 8, 8 };
    mesh_rows *const all = malloc(sizeof(*all));
    mesh_case mesh = base_case((uint64_t)_i + 20);

    ck_assert_ptr_nonnull(all);
    mesh.kv_heads = 2;
    mesh.heads_policy = KVSPAN_HEADS_SPLIT_SEQUENCE;
    mesh.mesh = texts[_i % 3];
    mesh.rank_count = rank_counts[_i % 3];
    mesh.q_place = KVSPAN_HEADS_EVEN;
    mesh.out_place = _i % 2 ? KVSPAN_HEADS_EVEN : KVSPAN_HEADS_ALL;
    mesh.has_sinks = _i % 2;
    mesh_threads_run(&mesh, all);
    free(all);
}
END_TEST

START_TEST(groups_forks_and_replicated_control_are_right)
{
    mesh_rows *const all = malloc(sizeof(*all));
    mesh_case mesh = base_case((uint64_t)_i + 30);

    ck_assert_ptr_nonnull(all);
    mesh.mesh = "tp:2,sp:2";
    mesh.rank_count = 4;
    mesh.second_kv_heads = _i % 2 ? 2 : 0;
    mesh.second_window = _i % 2 ? 5 : 0;
    mesh.forks = _i % 2 == 0; /* a fork reaches behind a short window */
    mesh.layout = _i % 2 ? KVSPAN_PAGE_FIRST : KVSPAN_LAYER_FIRST;
    mesh.control = _i % 3 == 0 ? KVSPAN_REPLICATED : KVSPAN_COORDINATED;
    mesh_threads_run(&mesh, all);
    free(all);
}
END_TEST

/* Appending on one stream and attending on another, layer by layer. */
START_TEST(calls_of_a_step_may_be_on_different_streams)
{
    static const char *const texts[] = { "tp:1", "tp:2", "sp:2" };
    mesh_rows *const all = malloc(sizeof(*all));
    mesh_case mesh = base_case(0);

    ck_assert_ptr_nonnull(all);
    mesh.mesh = texts[_i];
    mesh.rank_count = _i == 0 ? 1 : 2;
    mesh.has_streams = 1;
    for (mesh.deferred_seed = 40; mesh.deferred_seed < 40 + SEEDS; mesh.deferred_seed++) {
        mesh_threads_run(&mesh, all);
    }
    free(all);
}
END_TEST

/* As with more different ones than any model has: room for those of one call alone. */
START_TEST(what_calls_keep_for_the_device_stays_until_it_is_done)
{
    mesh_rows *const all = malloc(sizeof(*all));
    mesh_case mesh = base_case(0);

    ck_assert_ptr_nonnull(all);
    mesh.mesh = "tp:2,sp:2";
    mesh.rank_count = 4;
    mesh.out_place = KVSPAN_HEADS_ALL;
    mesh.place_capacity = 4;
    for (mesh.deferred_seed = 50; mesh.deferred_seed < 50 + SEEDS; mesh.deferred_seed++) {
        mesh_threads_run(&mesh, all);
    }
    free(all);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime/cache_deferred");
    TCase *cases = tcase_create("mesh");
    TCase *streams = tcase_create("streams");

    tcase_set_timeout(cases, 0);
    tcase_set_timeout(streams, 0);
    tcase_add_loop_test(cases, rows_are_right_however_late_the_device_is, 0, MESH_COUNT);
    tcase_add_loop_test(cases, exchanges_overlap_attention, 0, 3);
    tcase_add_loop_test(cases, results_come_where_they_are_asked_for, 0, 5);
    tcase_add_loop_test(cases, copies_that_split_the_sequence_are_right, 0, 6);
    tcase_add_loop_test(cases, groups_forks_and_replicated_control_are_right, 0, 6);
    tcase_add_loop_test(streams, calls_of_a_step_may_be_on_different_streams, 0, 3);
    tcase_add_test(streams, what_calls_keep_for_the_device_stays_until_it_is_done);
    suite_add_tcase(suite, streams);
    suite_add_tcase(suite, cases);
    return suite_run(suite);
}
