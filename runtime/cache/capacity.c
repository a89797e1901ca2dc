#include "runtime/cache/capacity.h"

#include <assert.h>
#include <inttypes.h>

#include "kernels/page_format.h"

enum {
    ADVISED_RUN_BYTES = 65536
};

void kvspan_local_heads(const kvspan_layer_group *group, const kvspan_head_shard *shard,
                        uint32_t *local_heads_out)
{
    for (uint32_t i = 0; i < KVSPAN_MAX_PLANES; i++) {
        local_heads_out[i] = i < group->plane_count ? shard->kv.count : 0;
    }
}

/* Bytes of a page on a rank: that of its widest group; 0 on a rank without heads. */
static kvspan_status rank_page_bytes(const kvspan_settings *settings,
                                     const kvspan_axis_roles *roles, uint32_t rank,
                                     uint64_t *page_bytes_out, kvspan_error *error)
{
    uint64_t widest = 0;

    for (uint32_t i = 0; i < settings->config.group_count; i++) {
        uint32_t local_heads[KVSPAN_MAX_PLANES];
        kvspan_head_shard shard;
        uint64_t page_bytes = 0;
        kvspan_status status = kvspan_axis_roles_heads(roles, settings, i, rank, &shard, error);

        if (status != KVSPAN_OK) {
            return status;
        }
        kvspan_local_heads(&settings->groups[i], &shard, local_heads);
        status = kvspan_page_format_bytes(&settings->groups[i], local_heads,
                                          settings->config.page_tokens, &page_bytes, error);
        if (status != KVSPAN_OK) {
            return status;
        }
        widest = page_bytes > widest ? page_bytes : widest;
    }
    *page_bytes_out = widest;
    return KVSPAN_OK;
}

/* The fewest pages of any rank, and whose they are. */
static kvspan_status find_limit(const kvspan_settings *settings, const kvspan_axis_roles *roles,
                                const uint64_t *usable_bytes, kvspan_plan *plan,
                                kvspan_error *error)
{
    plan->page_count = UINT64_MAX;
    for (uint32_t rank = 0; rank < roles->mesh.rank_count; rank++) {
        uint64_t page_bytes = 0;
        const kvspan_status status = rank_page_bytes(settings, roles, rank, &page_bytes, error);

        if (status != KVSPAN_OK) {
            return status;
        }
        if (page_bytes > 0 && usable_bytes[rank] / page_bytes < plan->page_count) {
            plan->page_count = usable_bytes[rank] / page_bytes;
            plan->page_bytes = page_bytes;
            plan->limiting_rank = rank;
        }
    }
    if (plan->page_count > KVSPAN_MAX_PAGES) {
        plan->page_count = KVSPAN_MAX_PAGES;
    }
    return KVSPAN_OK;
}

/* Of one layer of a group in one page; 0 on a rank without heads. */
static kvspan_status rank_run_bytes(const kvspan_settings *settings, const kvspan_axis_roles *roles,
                                    uint32_t rank, uint32_t group, uint64_t *run_bytes_out,
                                    kvspan_error *error)
{
    const kvspan_cache_config *const config = &settings->config;
    uint32_t local_heads[KVSPAN_MAX_PLANES];
    kvspan_page_format format = { 0 };
    kvspan_head_shard shard;
    kvspan_status status = kvspan_axis_roles_heads(roles, settings, group, rank, &shard, error);

    if (status == KVSPAN_OK && shard.kv.count > 0) {
        kvspan_local_heads(&settings->groups[group], &shard, local_heads);
        status = kvspan_page_format_make(&settings->groups[group], local_heads, config->page_tokens,
                                         0, (kvspan_layout)config->layout, &format, error);
    }
    *run_bytes_out = format.run_bytes;
    return status;
}

/* The least multiple of a tile's tokens that makes a run long enough. */
static uint32_t advise_page_tokens(uint64_t run_bytes, uint32_t page_tokens)
{
    const uint64_t token_bytes = run_bytes / page_tokens;
    uint64_t tokens;

    if (run_bytes == 0 || run_bytes >= ADVISED_RUN_BYTES) {
        return page_tokens;
    }
    tokens = (ADVISED_RUN_BYTES + token_bytes - 1) / token_bytes;
    tokens = (tokens + KVSPAN_TILE_TOKENS - 1) / KVSPAN_TILE_TOKENS * KVSPAN_TILE_TOKENS;
    assert(tokens <= KVSPAN_MAX_PAGE_TOKENS);
    return (uint32_t)tokens;
}

/* The shortest run of any group on any rank, and how many tokens would make it long enough. */
static kvspan_status find_shortest_run(const kvspan_settings *settings,
                                       const kvspan_axis_roles *roles, kvspan_plan *plan,
                                       kvspan_error *error)
{
    const uint32_t group_count = settings->config.group_count;

    for (uint64_t i = 0; i < (uint64_t)roles->mesh.rank_count * group_count; i++) {
        uint64_t run_bytes = 0;
        const kvspan_status status = rank_run_bytes(settings, roles, (uint32_t)(i / group_count),
                                                    (uint32_t)(i % group_count), &run_bytes, error);

        if (status != KVSPAN_OK) {
            return status;
        }
        if (run_bytes > 0 && (plan->run_bytes == 0 || run_bytes < plan->run_bytes)) {
            plan->run_bytes = run_bytes;
        }
    }
    plan->advised_page_tokens = advise_page_tokens(plan->run_bytes, settings->config.page_tokens);
    return KVSPAN_OK;
}

/* Pages of all groups that one sequence of `tokens` needs. A windowed group gives back what is
 * behind its window: it needs the window, a step's new tokens, and a page torn at either end. */
static uint64_t sequence_pages(const kvspan_settings *settings, uint64_t tokens,
                               uint64_t page_tokens)
{
    const kvspan_cache_config *const config = &settings->config;
    const uint64_t all = (tokens + page_tokens - 1) / page_tokens;
    uint64_t pages = 0;

    assert(config->group_count > 0);
    for (uint32_t i = 0; i < config->group_count; i++) {
        const uint64_t window = settings->groups[i].window_tokens;
        const uint64_t held =
            (window + config->max_step_tokens + page_tokens - 1) / page_tokens + 1;

        pages += window > 0 && held < all ? held : all;
    }
    return pages;
}

/* The longest sequence that `page_count` pages can hold. */
static uint64_t fitting_tokens(const kvspan_settings *settings, uint64_t page_count,
                               uint64_t page_tokens)
{
    uint64_t fits = 0;

    for (uint64_t step = (uint64_t)1 << 31; step > 0; step /= 2) {
        if (sequence_pages(settings, fits + step, page_tokens) <= page_count) {
            fits += step;
        }
    }
    return fits;
}

kvspan_status kvspan_capacity_plan(const kvspan_settings *settings, const kvspan_axis_roles *roles,
                                   const uint64_t *usable_bytes, kvspan_plan *plan_out,
                                   kvspan_error *error)
{
    const kvspan_cache_config *const config = &settings->config;
    kvspan_plan plan = { .page_count = config->page_count };
    uint64_t longest;
    uint32_t copies = 1;
    kvspan_status status = kvspan_axis_roles_token_copies(roles, settings, &copies, error);

    if (status != KVSPAN_OK) {
        return status;
    }
    plan.page_tokens =
        (uint64_t)config->page_tokens * copies * kvspan_axis_set_size(&roles->mesh, &roles->tokens);
    longest = sequence_pages(settings, config->max_sequence_tokens, plan.page_tokens);
    if (usable_bytes) {
        status = find_limit(settings, roles, usable_bytes, &plan, error);
        if (status != KVSPAN_OK) {
            return status;
        }
        if (plan.page_count < 2 || plan.page_count < config->page_count) {
            return kvspan_fail_rank(error, KVSPAN_ERR_NEVER_FITS, plan.limiting_rank, 0,
                                    "%u pages of %" PRIu64 " bytes are wanted, %" PRIu64
                                    " fit in the %" PRIu64 " usable bytes of rank %u",
                                    config->page_count ? config->page_count : 2, plan.page_bytes,
                                    plan.page_count, usable_bytes[plan.limiting_rank],
                                    plan.limiting_rank);
        }
        if (config->page_count) {
            plan.page_count = config->page_count;
        }
    }
    if (longest > plan.page_count - 1) {
        return kvspan_fail_rank(
            error, KVSPAN_ERR_NEVER_FITS, plan.limiting_rank, 0,
            "max_sequence_tokens %" PRIu64 " needs %" PRIu64 " pages, rank %u has %" PRIu64
            " to hand out: %" PRIu64 " tokens would fit",
            config->max_sequence_tokens, longest, plan.limiting_rank, plan.page_count - 1,
            fitting_tokens(settings, plan.page_count - 1, plan.page_tokens));
    }
    plan.arena_bytes = plan.page_bytes * plan.page_count;
    plan.sequences_of_max_tokens = (plan.page_count - 1) / longest;
    status = find_shortest_run(settings, roles, &plan, error);
    if (status != KVSPAN_OK) {
        return status;
    }
    *plan_out = plan;
    return KVSPAN_OK;
}

kvspan_status kvspan_plan_capacity(const kvspan_cache_config *config, const uint64_t *usable_bytes,
                                   uint32_t rank_count, kvspan_plan *plan_out, kvspan_error *error)
{
    kvspan_settings settings;
    kvspan_axis_roles roles;
    kvspan_status status;

    if (!usable_bytes || rank_count == 0) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "usable_bytes is %s for %u ranks",
                           usable_bytes ? "given" : "NULL", rank_count);
    }
    status = kvspan_settings_init(&settings, config, error);
    if (status != KVSPAN_OK) {
        return status;
    }
    status = kvspan_axis_roles_make(&settings, rank_count, &roles, error);
    if (status == KVSPAN_OK) {
        status = kvspan_capacity_plan(&settings, &roles, usable_bytes, plan_out, error);
    }
    kvspan_settings_fini(&settings);
    return status;
}
