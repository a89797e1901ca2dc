/* One rule for a NULL where something has to be: ARGUMENT, which names the parameter; a call
 * without a status gives nothing, and destroys nothing. */
#include "support/suite.h"

#include <string.h>

#include <kvspan/kvspan.h>

#include "runtime/cache_fixture.h"

static kvspan_error error;

/* Begins the message with the parameter's name, once. */
static void refused(kvspan_status status, const char *parameter)
{
    char expected[64];

    (void)snprintf(expected, sizeof(expected), "%s is NULL", parameter);
    ck_assert_msg(status == KVSPAN_ERR_ARGUMENT && error.status == status &&
                      strncmp(error.message, expected, strlen(expected)) == 0,
                  "%s is expected: %s, \"%s\"", parameter, kvspan_status_name(status),
                  error.message);
    memset(&error, 0, sizeof(error));
}

START_TEST(calls_of_a_ledger_refuse_null_by_name)
{
    const kvspan_ledger_config config = { .size = sizeof(config),
                                          .page_count = 4,
                                          .slot_count = 2,
                                          .page_tokens = 4,
                                          .max_step_tokens = 8,
                                          .max_sequence_tokens = 8 };
    const kvspan_sequence_config start = { .size = sizeof(start) };
    kvspan_ledger *ledger = NULL;
    kvspan_sequence sequence = 0;
    kvspan_step *step = NULL;

    refused(kvspan_ledger_create(NULL, &ledger, &error), "config");
    refused(kvspan_ledger_create(&config, NULL, &error), "ledger_out");
    refused(kvspan_ledger_check(NULL, &error), "ledger");
    refused(kvspan_sequence_create(NULL, &start, &sequence, NULL, &error), "ledger");
    refused(kvspan_sequence_fork(NULL, 1, 0, 0, &sequence, &error), "ledger");
    refused(kvspan_sequence_truncate(NULL, 1, 0, &error), "ledger");
    refused(kvspan_sequence_commit(NULL, 1, NULL, 1, NULL, &error), "ledger");
    refused(kvspan_sequence_free(NULL, 1, &error), "ledger");
    refused(kvspan_step_open(NULL, &step, &error), "ledger");
    refused(kvspan_step_add(NULL, 1, 1, NULL, &error), "step");
    refused(kvspan_step_attach(NULL, "x", 1, &error), "step");
    refused(kvspan_step_rehearse(NULL, &error), "step");
    ck_assert_int_eq(kvspan_ledger_create(&config, &ledger, &error), KVSPAN_OK);
    refused(kvspan_sequence_create(ledger, NULL, &sequence, NULL, &error), "config");
    refused(kvspan_sequence_create(ledger, &start, NULL, NULL, &error), "sequence_out");
    ck_assert_int_eq(kvspan_sequence_create(ledger, &start, &sequence, NULL, &error), KVSPAN_OK);
    refused(kvspan_sequence_fork(ledger, sequence, 0, 0, NULL, &error), "child_out");
    refused(kvspan_step_open(ledger, NULL, &error), "step_out");
    ck_assert_uint_eq(kvspan_ledger_count(ledger).sequences, 1);
    ck_assert_int_eq(kvspan_step_open(ledger, &step, &error), KVSPAN_OK);
    refused(kvspan_step_attach(step, NULL, 1, &error), "payload");
    kvspan_ledger_destroy(ledger);
}
END_TEST

START_TEST(calls_of_a_cache_refuse_null_by_name)
{
    cache_fixture fixture = cache_fixture_make();
    const kvspan_attention attention = { .size = sizeof(attention) };
    kvspan_dense_view dense = { .size = sizeof(dense) };
    kvspan_tensor tensor = { .dtype = KVSPAN_F32 };
    const uint64_t bytes = 1 << 20;
    kvspan_layer_view layer;
    kvspan_step_view view;
    kvspan_shard shard;
    kvspan_plan plan;
    kvspan_step *step = NULL;

    refused(kvspan_step_begin(NULL, NULL, NULL, 1, &view, &error), "cache");
    refused(kvspan_cache_append(NULL, 0, &tensor, NULL, &error), "cache");
    refused(kvspan_cache_attend(NULL, 0, &tensor, &attention, &tensor, NULL, &error), "cache");
    refused(kvspan_step_end(NULL, NULL, &error), "cache");
    refused(kvspan_cache_wait(NULL, NULL, 1, &error), "cache");
    refused(kvspan_cache_check(NULL, &error), "cache");
    refused(kvspan_cache_shard(NULL, 0, &shard, &error), "cache");
    refused(kvspan_cache_layer_view(NULL, 0, KVSPAN_KEY, &layer, &error), "cache");
    refused(kvspan_step_dense_view(NULL, 0, &view, &dense, &error), "cache");
    refused(kvspan_plan_capacity(NULL, &bytes, 1, &plan, &error), "config");
    ck_assert_int_eq(cache_fixture_open(&fixture, NULL, &error), KVSPAN_OK);
    refused(kvspan_plan_capacity(&fixture.config, NULL, 1, &plan, &error), "usable_bytes");
    refused(kvspan_plan_capacity(&fixture.config, &bytes, 1, NULL, &error), "plan_out");
    refused(kvspan_cache_shard(fixture.cache, 0, NULL, &error), "shard_out");
    refused(kvspan_cache_layer_view(fixture.cache, 0, KVSPAN_KEY, NULL, &error), "view_out");
    refused(kvspan_step_dense_view(fixture.cache, 0, NULL, &dense, &error), "view");
    refused(kvspan_step_dense_view(fixture.cache, 0, &view, NULL, &error), "dense");
    ck_assert_int_eq(kvspan_step_open(kvspan_cache_ledger(fixture.cache), &step, &error),
                     KVSPAN_OK);
    refused(kvspan_step_begin(fixture.cache, step, NULL, 1, NULL, &error), "view_out");
    refused(kvspan_step_begin(fixture.cache, NULL, NULL, 1, &view, &error), "step");
    ck_assert_int_eq(kvspan_step_begin(fixture.cache, step, NULL, 1, &view, &error), KVSPAN_OK);
    refused(kvspan_cache_append(fixture.cache, 0, NULL, NULL, &error), "planes");
    refused(kvspan_cache_attend(fixture.cache, 0, NULL, &attention, &tensor, NULL, &error), "q");
    refused(kvspan_cache_attend(fixture.cache, 0, &tensor, NULL, &tensor, NULL, &error),
            "attention");
    refused(kvspan_cache_attend(fixture.cache, 0, &tensor, &attention, NULL, NULL, &error), "out");
    ck_assert_int_eq(kvspan_step_end(fixture.cache, NULL, &error), KVSPAN_OK);
    cache_fixture_close(&fixture);
}
END_TEST

START_TEST(calls_of_peers_and_devices_refuse_null_by_name)
{
    kvspan_transport transport = { .size = sizeof(transport) };
    kvspan_local_hub *hub = NULL;
    kvspan_comm *comm = NULL;
    kvspan_digest key;
    const uint32_t token = 0;
    char byte = 0;

    refused(kvspan_device_open(NULL, 0, NULL, &error), "device_out");
    refused(kvspan_device_open_cpu(NULL, NULL, &error), "device_out");
    refused(kvspan_device_allocate(NULL, 1, NULL, &error), "device");
    refused(kvspan_device_allocate_pinned(NULL, 1, NULL, &error), "device");
    refused(kvspan_device_copy(NULL, NULL, NULL, 1, NULL, &error), "device");
    refused(kvspan_device_query(NULL, NULL, NULL, &error), "device");
    refused(kvspan_prefix_keys(NULL, NULL, 1, 1, &key, &error), "tokens");
    refused(kvspan_prefix_keys(NULL, &token, 1, 1, NULL, &error), "keys_out");
    refused(kvspan_local_hub_create(1, NULL, &error), "hub_out");
    refused(kvspan_comm_create_local(NULL, 0, &comm, &error), "hub");
    refused(kvspan_comm_create(NULL, &comm, &error), "transport");
    refused(kvspan_comm_all_gather(NULL, &byte, 1, &byte, 1, &error), "comm");
    ck_assert_int_eq(kvspan_local_hub_create(1, &hub, &error), KVSPAN_OK);
    refused(kvspan_comm_create_local(hub, 0, NULL, &error), "comm_out");
    ck_assert_int_eq(kvspan_comm_create_local(hub, 0, &comm, &error), KVSPAN_OK);
    refused(kvspan_comm_all_gather(comm, NULL, 1, &byte, 1, &error), "mine");
    refused(kvspan_comm_all_gather(comm, &byte, 1, NULL, 1, &error), "all_out");
    kvspan_comm_destroy(comm);
    kvspan_local_hub_destroy(hub);
}
END_TEST

START_TEST(calls_of_descriptions_refuse_null_by_name)
{
    const kvspan_metadata_config fields = { .size = sizeof(fields) };
    static kvspan_model_config model;
    kvspan_layer_group groups[KVSPAN_MAX_GROUPS];
    kvspan_cache_config config;
    kvspan_metadata *metadata = NULL;
    uint32_t layers[1];
    uint32_t count = 0;

    refused(kvspan_metadata_create(NULL, NULL, &metadata, &error), "config");
    refused(kvspan_metadata_create(&fields, NULL, NULL, &error), "metadata_out");
    refused(kvspan_metadata_read(NULL, 1, 0, NULL, &metadata, &error), "text");
    refused(kvspan_metadata_replace(NULL, "{}", 2, NULL, &metadata, &error), "metadata");
    refused(kvspan_metadata_cache_config(NULL, 0, groups, &config, &error), "metadata");
    refused(kvspan_model_config_read(NULL, 1, &model, &error), "text");
    refused(kvspan_model_config_read("{}", 2, NULL, &error), "model_out");
    refused(kvspan_model_config_groups(NULL, 0, 0, groups, layers, &count, &error), "model");
    refused(kvspan_model_config_groups(&model, 0, 0, NULL, layers, &count, &error), "groups_out");
    refused(kvspan_model_config_groups(&model, 0, 0, groups, NULL, &count, &error), "layers_out");
    refused(kvspan_model_config_groups(&model, 0, 0, groups, layers, NULL, &error),
            "group_count_out");
}
END_TEST

START_TEST(calls_of_a_scheduler_refuse_null_by_name)
{
    const kvspan_scheduler_config config = {
        .size = sizeof(config), .token_budget = 8, .page_tokens = 4, .request_count = 1
    };
    const kvspan_ledger_config sizes = { .size = sizeof(sizes),
                                         .page_count = 4,
                                         .slot_count = 2,
                                         .page_tokens = 4,
                                         .max_step_tokens = 8,
                                         .max_sequence_tokens = 8 };
    const kvspan_request request = { .prompt_tokens = 1, .output_tokens = 1 };
    kvspan_ledger *ledger = NULL;
    kvspan_scheduler *scheduler = NULL;
    const kvspan_row *rows = NULL;
    kvspan_step *step = NULL;
    uint32_t count = 0;

    refused(kvspan_scheduler_create(NULL, &config, &scheduler, &error), "ledger");
    refused(kvspan_scheduler_submit(NULL, &request, &error), "scheduler");
    refused(kvspan_scheduler_plan(NULL, &step, &error), "scheduler");
    refused(kvspan_scheduler_rows(NULL, &rows, &count, &error), "scheduler");
    refused(kvspan_scheduler_complete(NULL, &error), "scheduler");
    ck_assert_int_eq(kvspan_ledger_create(&sizes, &ledger, &error), KVSPAN_OK);
    refused(kvspan_scheduler_create(ledger, NULL, &scheduler, &error), "config");
    refused(kvspan_scheduler_create(ledger, &config, NULL, &error), "scheduler_out");
    ck_assert_int_eq(kvspan_scheduler_create(ledger, &config, &scheduler, &error), KVSPAN_OK);
    refused(kvspan_scheduler_submit(scheduler, NULL, &error), "request");
    refused(kvspan_scheduler_plan(scheduler, NULL, &error), "step_out");
    refused(kvspan_scheduler_rows(scheduler, NULL, &count, &error), "rows_out");
    refused(kvspan_scheduler_rows(scheduler, &rows, NULL, &error), "row_count_out");
    kvspan_scheduler_destroy(scheduler);
    kvspan_ledger_destroy(ledger);
}
END_TEST

START_TEST(calls_without_a_status_give_nothing_for_null)
{
    kvspan_cache_destroy(NULL);
    kvspan_comm_destroy(NULL);
    kvspan_local_hub_destroy(NULL);
    kvspan_device_close(NULL);
    kvspan_device_release(NULL, NULL, 1);
    kvspan_device_release_pinned(NULL, NULL, 1);
    kvspan_ledger_destroy(NULL);
    kvspan_metadata_destroy(NULL);
    kvspan_scheduler_destroy(NULL);
    kvspan_step_cancel(NULL);
    kvspan_cache_notify(NULL, 1);
    ck_assert_ptr_null(kvspan_cache_ledger(NULL));
    ck_assert_ptr_null(kvspan_metadata_json(NULL));
    ck_assert_uint_eq(kvspan_cache_plan(NULL).page_count, 0);
    ck_assert_uint_eq(kvspan_device_describe(NULL).thread_count, 0);
    ck_assert_uint_eq(kvspan_device_has_host_memory(NULL), 1);
    ck_assert_uint_eq(kvspan_cache_metrics(NULL).steps, 0);
    ck_assert_uint_eq(kvspan_cache_notices(NULL), 0);
    ck_assert_uint_eq(kvspan_comm_rank(NULL), 0);
    ck_assert_uint_eq(kvspan_comm_rank_count(NULL), 0);
    ck_assert_uint_eq(kvspan_ledger_count(NULL).pages_total, 0);
    ck_assert_uint_eq(kvspan_sequence_tokens(NULL, 1), 0);
    ck_assert_uint_eq(kvspan_sequence_committed(NULL, 1), 0);
    ck_assert_uint_eq(kvspan_step_row_count(NULL), 0);
    ck_assert_uint_eq(kvspan_step_token_count(NULL), 0);
    ck_assert_uint_eq(kvspan_metadata_fields(NULL).size, 0);
    ck_assert_uint_eq(kvspan_scheduler_count(NULL).waiting, 0);
    ck_assert_uint_eq(kvspan_digest_bytes(NULL, 1).low, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime/null_arguments");
    TCase *calls = tcase_create("calls");

    tcase_add_test(calls, calls_of_a_ledger_refuse_null_by_name);
    tcase_add_test(calls, calls_of_a_cache_refuse_null_by_name);
    tcase_add_test(calls, calls_of_peers_and_devices_refuse_null_by_name);
    tcase_add_test(calls, calls_of_descriptions_refuse_null_by_name);
    tcase_add_test(calls, calls_of_a_scheduler_refuse_null_by_name);
    tcase_add_test(calls, calls_without_a_status_give_nothing_for_null);
    suite_add_tcase(suite, calls);
    return suite_run(suite);
}
