#include "runtime/cache/stream_order.h"

#include <stdbool.h>

/* A plane of 8 bits is written from wider numbers, any other from its own. */
static bool is_source_of(kvspan_dtype source, kvspan_dtype plane)
{
    return kvspan_dtype_bytes(plane) == 1 ? kvspan_dtype_bytes(source) > 1 : source == plane;
}

/* One plane's tensor against the plane and the step. */
static kvspan_status check_source(const kvspan_plane *plane, uint32_t index, uint32_t heads,
                                  const kvspan_tensor *source, const kvspan_step_extent *extent,
                                  kvspan_error *error)
{
    if (source->heads != heads || source->dim != plane->dim) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "planes[%u] is [%u heads][%u dim], this rank holds [%u heads][%u dim]",
                           index, source->heads, source->dim, heads, plane->dim);
    }
    if (!is_source_of(source->dtype, plane->dtype)) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "planes[%u] is of type %s, its plane of %s",
                           index, kvspan_dtype_name(source->dtype),
                           kvspan_dtype_name(plane->dtype));
    }
    if (source->tokens != extent->token_count) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "planes[%u] has %llu tokens, %s %u", index,
                           (unsigned long long)source->tokens,
                           extent->is_captured ? "a captured call" : "the step",
                           extent->token_count);
    }
    if (!source->data && source->tokens > 0) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "planes[%u].data is NULL for %llu tokens",
                           index, (unsigned long long)source->tokens);
    }
    return KVSPAN_OK;
}

static kvspan_status check_planes(const kvspan_cache *cache, uint32_t group,
                                  const kvspan_tensor *planes, const kvspan_step_extent *extent,
                                  kvspan_error *error)
{
    kvspan_status status = KVSPAN_OK;

    for (uint32_t i = 0; status == KVSPAN_OK && i < cache->formats[group].plane_count; i++) {
        status = check_source(&cache->settings.groups[group].planes[i], i,
                              cache->formats[group].planes[i].heads, &planes[i], extent, error);
    }
    return status;
}

/* index: of the layer in its group. */
static kvspan_append_tokens_args make_args(const kvspan_cache *cache, uint32_t group,
                                           uint32_t index, const kvspan_tensor *planes,
                                           const kvspan_step_extent *extent)
{
    const kvspan_page_format *const format = &cache->formats[group];
    kvspan_append_tokens_args args = { .rows = kvspan_device_table_arrays(
                                           &cache->table, group, extent, &cache->geometry.rule),
                                       .plane_count = format->plane_count };

    for (uint32_t i = 0; i < format->plane_count; i++) {
        args.planes[i] =
            (kvspan_append_plane){ .view = kvspan_page_format_view(format, cache->arena, index, i),
                                   .source = planes[i] };
    }
    return args;
}

kvspan_status kvspan_cache_append(kvspan_cache *cache, uint32_t layer, const kvspan_tensor *planes,
                                  kvspan_stream stream, kvspan_error *error)
{
    uint32_t group = 0;
    uint32_t index = 0;
    kvspan_step_extent extent;
    kvspan_status status = kvspan_cache_enter(cache, true, error);

    if (status == KVSPAN_OK) {
        status = kvspan_cache_find_layer(cache, layer, &group, &index, error);
    }
    if (status != KVSPAN_OK) {
        return status;
    }
    if (!planes) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "planes is NULL");
    }
    status = kvspan_cache_enter_stream(cache, stream, &extent, error);
    if (status != KVSPAN_OK) {
        return status;
    }
    status = check_planes(cache, group, planes, &extent, error);
    if (status != KVSPAN_OK) {
        return status;
    }
    if (!extent.is_captured) {
        status = kvspan_cache_follow(cache, stream, error);
    }
    if (status == KVSPAN_OK) {
        const kvspan_append_tokens_args args = make_args(cache, group, index, planes, &extent);

        status = cache->device->kernels->append_tokens(cache->device, &args, stream, error);
    }
    /* Past the checks a failure leaves pages half written. */
    return status == KVSPAN_OK ? status : kvspan_cache_spend(cache, status, error);
}
