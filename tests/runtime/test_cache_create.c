#include "support/suite.h"

#include <string.h>

#include "comm/state.h"
#include "kernels/device.h"
#include "runtime/cache_fixture.h"
#include "support/ranks.h"

/* Every rank gets the same refusal, which names the odd rank and both numbers. */
static void disagree(ranks_self *self)
{
    cache_fixture fixture = cache_fixture_make();
    kvspan_error error = { .status = KVSPAN_OK };

    fixture.config.page_tokens = self->rank == 2 ? 32 : 16;
    ranks_check_status(self, cache_fixture_open(&fixture, self->comm, &error), KVSPAN_ERR_MISMATCH,
                       &error);
    ranks_check(self, strstr(error.message, "page_tokens"));
    ranks_check(self, strstr(error.message, "16") && strstr(error.message, "32"));
    ranks_check(self, strstr(error.message, "rank 2"));
    ranks_check(self, error.rank == 2);
    /* The communicator is not spent: the same ranks can agree afterwards. */
    fixture.config.page_tokens = 16;
    ranks_check_status(self, cache_fixture_open(&fixture, self->comm, &error), KVSPAN_OK, &error);
    cache_fixture_close(&fixture);
}

START_TEST(ranks_that_disagree_are_named_with_both_numbers)
{
    ranks_run(4, disagree, NULL);
}
END_TEST

static void disagree_on_mesh(ranks_self *self)
{
    cache_fixture fixture = cache_fixture_make();
    kvspan_error error = { .status = KVSPAN_OK };

    fixture.config.mesh = self->rank == 1 ? "tp:2,sp:2" : "tp:4";
    ranks_check_status(self, cache_fixture_open(&fixture, self->comm, &error), KVSPAN_ERR_MISMATCH,
                       &error);
    ranks_check(self, strstr(error.message, "mesh axis"));
    ranks_check(self, error.rank == 1);
}

START_TEST(ranks_with_another_mesh_are_named)
{
    ranks_run(4, disagree_on_mesh, NULL);
}
END_TEST

/* What one rank alone finds wrong reaches all, in its own words. */
static void fail_alone(ranks_self *self)
{
    cache_fixture fixture = cache_fixture_make();
    kvspan_error error = { .status = KVSPAN_OK };

    if (self->rank == 1) {
        fixture.config.slot_count = 0;
    }
    ranks_check_status(self, cache_fixture_open(&fixture, self->comm, &error), KVSPAN_ERR_ARGUMENT,
                       &error);
    if (!strstr(error.message, "slot_count is 0")) {
        ranks_note(self, __FILE__, __LINE__, "%s", error.message);
    }
    ranks_check(self, error.rank == 1);
}

START_TEST(what_fails_on_one_rank_is_told_to_all)
{
    ranks_run(4, fail_alone, NULL);
}
END_TEST

/* Fields that differ on rank 2 alone, so that they are what is named. */
typedef enum odd_field {
    ODD_UTILIZATION,
    ODD_SCALES,
    ODD_AXIS_NAME,
    ODD_LAYER,
    ODD_WINDOW,
    ODD_DTYPE,
    ODD_DEADLINE,
    ODD_END
} odd_field;

typedef struct odd_case {
    odd_field field;
    const char *message;
} odd_case;

static const odd_case odd_cases[ODD_END] = {
    { ODD_UTILIZATION, "memory_utilization is 0.5 on rank 0 and 0.75 on rank 2" },
    { ODD_SCALES, "groups[0].planes[1].scale_tokens is 0 on rank 0 and 1 on rank 2" },
    { ODD_AXIS_NAME, "mesh axis 1 name is \"x\" on rank 0 and \"y\" on rank 2" },
    { ODD_LAYER, "groups[0].layers[1] is 7 on rank 0 and 8 on rank 2" },
    { ODD_WINDOW, "groups[0].window_tokens is 0 on rank 0 and 32 on rank 2" },
    { ODD_DTYPE, "groups[0].planes[0].dtype is \"float32\" on rank 0 and \"bfloat16\" on rank 2" },
    { ODD_DEADLINE, "deadline_ms is 20000 on rank 0 and 20001 on rank 2" },
};

static void be_odd(cache_fixture *fixture, odd_field field, bool is_odd, uint32_t *layers)
{
    switch (field) {
    case ODD_UTILIZATION: fixture->config.memory_utilization = is_odd ? 0.75 : 0.5; break;
    case ODD_SCALES:
        fixture->group.planes[1].dtype = KVSPAN_F8E4M3;
        fixture->group.planes[1].scale_tokens = is_odd;
        break;
    case ODD_AXIS_NAME:
        fixture->config.mesh = is_odd ? "tp:2,y:2" : "tp:2,x:2";
        fixture->config.partition_axis =
            is_odd ? "{\"batch_axis\": null, \"generation_key_sequence_axis\": \"y\"}"
                   : "{\"batch_axis\": null, \"generation_key_sequence_axis\": \"x\"}";
        break;
    case ODD_LAYER:
        layers[0] = 3;
        layers[1] = 7 + is_odd;
        fixture->group.layers = layers;
        break;
    case ODD_WINDOW: fixture->group.window_tokens = is_odd ? 32 : 0; break;
    case ODD_DTYPE: fixture->group.planes[0].dtype = is_odd ? KVSPAN_BF16 : KVSPAN_F32; break;
    case ODD_DEADLINE: fixture->config.deadline_ms += is_odd; break;
    case ODD_END: break;
    }
}

static void disagree_on_one(ranks_self *self)
{
    const odd_case *const odd = self->context;
    cache_fixture fixture = cache_fixture_make();
    kvspan_error error = { .status = KVSPAN_OK };
    uint32_t layers[2];

    if (odd->field != ODD_AXIS_NAME) {
        fixture.config.mesh = "tp:2,sp:2";
    }
    be_odd(&fixture, odd->field, self->rank == 2, layers);
    ranks_check_status(self, cache_fixture_open(&fixture, self->comm, &error), KVSPAN_ERR_MISMATCH,
                       &error);
    ranks_check(self, error.rank == 2);
    if (strcmp(error.message, odd->message) != 0) {
        ranks_note(self, __FILE__, __LINE__, "\"%s\"", error.message);
    }
}

START_TEST(each_field_that_differs_is_named_with_values_and_ranks)
{
    odd_case odd = odd_cases[_i];

    ranks_run(4, disagree_on_one, &odd);
}
END_TEST

/* A device of another name on one rank. */
static void disagree_on_device(ranks_self *self)
{
    cache_fixture fixture = cache_fixture_make();
    kvspan_error error = { .status = KVSPAN_OK };
    kvspan_device *device = NULL;
    kvspan_device other;
    kvspan_kernels kernels;

    ranks_check_status(self, kvspan_device_open("reference", 0, &device, &error), KVSPAN_OK,
                       &error);
    other = *device;
    kernels = *device->kernels;
    kernels.name = "other";
    other.kernels = &kernels;
    fixture.config.groups = &fixture.group;
    ranks_check_status(self,
                       kvspan_cache_create(&fixture.config, self->rank == 1 ? &other : device,
                                           self->comm, &fixture.cache, &error),
                       KVSPAN_ERR_MISMATCH, &error);
    ranks_check(self, strcmp(error.message, "device is \"reference\" on rank 0 and \"other\" on "
                                            "rank 1") == 0);
    kvspan_device_close(device);
}

START_TEST(ranks_with_another_device_are_named)
{
    ranks_run(2, disagree_on_device, NULL);
}
END_TEST

/* context: which argument rank 1 lacks. */
static void lack_argument(ranks_self *self)
{
    const char *const lacks = self->rank == 1 ? self->context : "";
    cache_fixture fixture = cache_fixture_make();
    kvspan_error error = { .status = KVSPAN_OK };
    kvspan_device *device = NULL;
    char expected[64];

    ranks_check_status(self, kvspan_device_open(NULL, 0, &device, &error), KVSPAN_OK, &error);
    fixture.config.groups = &fixture.group;
    ranks_check_status(self,
                       kvspan_cache_create(strcmp(lacks, "config") == 0 ? NULL : &fixture.config,
                                           strcmp(lacks, "device") == 0 ? NULL : device, self->comm,
                                           strcmp(lacks, "cache_out") == 0 ? NULL : &fixture.cache,
                                           &error),
                       KVSPAN_ERR_ARGUMENT, &error);
    (void)snprintf(expected, sizeof(expected), "%s is NULL", (const char *)self->context);
    ranks_check(self, strncmp(error.message, expected, strlen(expected)) == 0);
    ranks_check(self, error.rank == 1);
    ranks_check(self, fixture.cache == NULL);
    kvspan_device_close(device);
}

START_TEST(an_argument_that_one_rank_lacks_is_told_to_all_at_once)
{
    static char names[][16] = { "config", "device", "cache_out" };

    ranks_run(4, lack_argument, names[_i]);
}
END_TEST

/* What the cpu column has no tiles for, as f32 or dims like 8, is counted; where there is no cpu
 * column, everything is. */
static void count_groups(ranks_self *self)
{
    cache_fixture fixture = cache_fixture_make();
    kvspan_error error = { .status = KVSPAN_OK };
    bool is_cpu;

    ranks_check_status(self, cache_fixture_open(&fixture, self->comm, &error), KVSPAN_OK, &error);
    ranks_check(self, kvspan_cache_metrics(fixture.cache).reference_groups == 1);
    cache_fixture_close(&fixture);
    for (int i = 0; i < 2; i++) {
        fixture.group.planes[i].dtype = KVSPAN_BF16;
        fixture.group.planes[i].dim = 16;
    }
    ranks_check_status(self, cache_fixture_open(&fixture, self->comm, &error), KVSPAN_OK, &error);
    is_cpu = strcmp(kvspan_device_describe(fixture.device).name, "cpu") == 0;
    ranks_check(self, kvspan_cache_metrics(fixture.cache).reference_groups == (is_cpu ? 0 : 1));
    cache_fixture_close(&fixture);
}

START_TEST(groups_that_are_attended_slowly_are_counted)
{
    ranks_run(2, count_groups, NULL);
}
END_TEST

static void limit_one(ranks_self *self)
{
    cache_fixture fixture = cache_fixture_make();
    kvspan_error error = { .status = KVSPAN_OK };
    kvspan_plan plan;

    fixture.config.page_count = 0;
    fixture.config.memory_utilization = 0.5;
    fixture.config.memory_limit_bytes = self->rank == 2 ? 2 * 4096 * 11 : 2 * 4096 * 500;
    ranks_check_status(self, cache_fixture_open(&fixture, self->comm, &error), KVSPAN_OK, &error);
    plan = kvspan_cache_plan(fixture.cache);
    ranks_check(self, plan.page_count == 11); /* 2 layers × 2 planes × 16 × 8 × 4 bytes = 4 KiB */
    ranks_check(self, plan.limiting_rank == 2);
    cache_fixture_close(&fixture);
}

START_TEST(the_rank_with_least_memory_decides_for_all)
{
    ranks_run(4, limit_one, NULL);
}
END_TEST

/* Ranks in one memory get a share each: together they stay within the utilization. */
static void share(ranks_self *self)
{
    cache_fixture fixture = cache_fixture_make();
    kvspan_error error = { .status = KVSPAN_OK };
    uint64_t *const lone_pages = self->context;
    kvspan_plan plan;

    fixture.config.memory_limit_bytes = 0;
    fixture.config.page_count = 0;
    fixture.config.memory_utilization = 0.001;
    fixture.config.max_sequence_tokens = 16;
    if (cache_fixture_open(&fixture, self->comm, &error) != KVSPAN_OK) {
        /* So little of a busy machine may be less than what is in use: nothing to compare. */
        ranks_check(self, error.status == KVSPAN_ERR_NEVER_FITS);
        return;
    }
    plan = kvspan_cache_plan(fixture.cache);
    if (self->rank == 0) {
        lone_pages[self->rank_count] = plan.page_count;
    }
    cache_fixture_close(&fixture);
}

START_TEST(ranks_in_one_memory_share_it)
{
    uint64_t pages[5] = { 0 };

    ranks_run(1, share, pages);
    ranks_run(4, share, pages);
    ck_assert_uint_le(pages[4], pages[1] / 2); /* a quarter, but memory in use changes meanwhile */
}
END_TEST

static void tell_shards(ranks_self *self)
{
    cache_fixture fixture = cache_fixture_make();
    kvspan_error error = { .status = KVSPAN_OK };
    kvspan_shard shard;

    /* Axes in text order, last fastest: rank = (dp · 2 + tp) · 2 + sp. */
    fixture.config.mesh = "dp:2,tp:2,sp:2";
    ranks_check_status(self, cache_fixture_open(&fixture, self->comm, &error), KVSPAN_OK, &error);
    ranks_check_status(self, kvspan_cache_shard(fixture.cache, 1, &shard, &error), KVSPAN_OK,
                       &error);
    ranks_check(self, shard.step_group == self->rank / 4 && shard.step_group_count == 2);
    ranks_check(self, shard.coordinator_rank == self->rank / 4 * 4);
    ranks_check(self, (kvspan_cache_ledger(fixture.cache) != NULL) == (self->rank % 4 == 0));
    ranks_check(self, shard.head_member == self->rank / 2 % 2 && shard.head_member_count == 2);
    ranks_check(self, shard.kv_heads.first == shard.head_member && shard.kv_heads.count == 1);
    ranks_check(self, shard.q_heads_of_kv.first == shard.head_member * 2 &&
                          shard.q_heads_of_kv.count == 2);
    ranks_check(self, shard.tokens.member == self->rank % 2 && shard.tokens.member_count == 2);
    ranks_check(self, shard.twin_count == 1 && shard.copy_count == 1);
    ranks_check_status(self, kvspan_cache_shard(fixture.cache, 2, &shard, &error),
                       KVSPAN_ERR_ARGUMENT, &error);
    cache_fixture_close(&fixture);
}

START_TEST(each_rank_knows_its_shard)
{
    ranks_run(8, tell_shards, NULL);
}
END_TEST

/* Nothing of the cache, and of no wait, is left in it. */
static void outlive(ranks_self *self)
{
    cache_fixture fixture = cache_fixture_make();
    kvspan_error error = { .status = KVSPAN_OK };
    kvspan_step_view view;
    kvspan_sequence sequence = 0;
    kvspan_step *step = NULL;

    ranks_check_status(self, cache_fixture_open(&fixture, self->comm, &error), KVSPAN_OK, &error);
    ranks_check_status(self, cache_fixture_plan(&fixture, &sequence, 1, &step, &error), KVSPAN_OK,
                       &error);
    ranks_check_status(self, kvspan_step_begin(fixture.cache, step, NULL, 20000, &view, &error),
                       KVSPAN_OK, &error);
    ranks_check_status(self, kvspan_step_end(fixture.cache, NULL, &error), KVSPAN_OK, &error);
    cache_fixture_close(&fixture);
    ranks_check(self, !self->comm->progress && !self->comm->progress_context);
    ranks_check(self, !self->comm->debtors && self->comm->debtor_count == 0);
    ranks_check(self, !self->comm->wait);
    ranks_check_status(self, kvspan_comm_poll(self->comm, &error), KVSPAN_OK, &error);
}

START_TEST(a_communicator_outlives_its_cache)
{
    ranks_run(4, outlive, NULL);
}
END_TEST

START_TEST(a_cache_without_peers_is_one_rank)
{
    cache_fixture fixture = cache_fixture_make();
    kvspan_error error = { .status = KVSPAN_OK };

    ck_assert_int_eq(cache_fixture_open(&fixture, NULL, &error), KVSPAN_OK);
    ck_assert_ptr_nonnull(kvspan_cache_ledger(fixture.cache));
    ck_assert_int_eq(kvspan_cache_check(fixture.cache, &error), KVSPAN_OK);
    cache_fixture_close(&fixture);
}
END_TEST

START_TEST(an_axis_the_mesh_lacks_or_that_serves_twice_is_named)
{
    static const struct {
        const char *partition_axis;
        const char *word;
    } cases[] = {
        { "{\"kv_head_axis\": \"model\"}", "model" },
        { "{\"kv_head_axis\": [\"tp\", \"tp\"]}", "tp" },
        { "{\"batch_axis\": \"tp\"}", "tp" },
        { "{\"kv_heads_axis\": \"tp\"}", "kv_heads_axis" },
        { "{\"kv_head_axis\": 7}", "kv_head_axis" },
        { "{\"kv_head_axis\": [\"tp\", 7]}", "kv_head_axis" },
        { "[\"tp\"]", "[\"tp\"]" },
        { "{\"kv_head_axis\": ", "line 1" },
    };
    cache_fixture fixture = cache_fixture_make();
    kvspan_error error = { .status = KVSPAN_OK };

    fixture.config.partition_axis = cases[_i].partition_axis;
    ck_assert_int_eq(cache_fixture_open(&fixture, NULL, &error), KVSPAN_ERR_ARGUMENT);
    ck_assert_msg(strstr(error.message, cases[_i].word), "\"%s\" lacks \"%s\"", error.message,
                  cases[_i].word);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime/cache_create");
    TCase *create = tcase_create("create");

    tcase_add_test(create, ranks_that_disagree_are_named_with_both_numbers);
    tcase_add_test(create, ranks_with_another_mesh_are_named);
    tcase_add_test(create, what_fails_on_one_rank_is_told_to_all);
    tcase_add_loop_test(create, each_field_that_differs_is_named_with_values_and_ranks, 0, ODD_END);
    tcase_add_test(create, ranks_with_another_device_are_named);
    tcase_add_loop_test(create, an_argument_that_one_rank_lacks_is_told_to_all_at_once, 0, 3);
    tcase_add_test(create, groups_that_are_attended_slowly_are_counted);
    tcase_add_test(create, the_rank_with_least_memory_decides_for_all);
    tcase_add_test(create, ranks_in_one_memory_share_it);
    tcase_add_test(create, each_rank_knows_its_shard);
    tcase_add_test(create, a_communicator_outlives_its_cache);
    tcase_add_test(create, a_cache_without_peers_is_one_rank);
    tcase_add_loop_test(create, an_axis_the_mesh_lacks_or_that_serves_twice_is_named, 0, 8);
    suite_add_tcase(suite, create);
    return suite_run(suite);
}
