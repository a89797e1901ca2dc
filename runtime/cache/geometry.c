#include "runtime/cache/geometry.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/config/partition_json.h"
#include "sharding/partition_axis.h"

/* An axis that serves two purposes would shard one array twice. */
static kvspan_status check_disjoint(const kvspan_axis_roles *roles, kvspan_error *error)
{
    const struct {
        const char *name;
        const kvspan_axis_set *set;
    } uses[] = { { "batch_axis", &roles->batch },
                 { "kv_head_axis", &roles->heads },
                 { "generation_key_sequence_axis", &roles->tokens } };
    const char *owner[KVSPAN_MESH_MAX_AXES] = { NULL };

    for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++) {
        for (uint32_t j = 0; j < uses[i].set->count; j++) {
            const uint32_t axis = uses[i].set->axes[j];

            if (owner[axis]) {
                return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                                   "mesh axis %s is used by %s and by %s", roles->mesh.names[axis],
                                   owner[axis], uses[i].name);
            }
            owner[axis] = uses[i].name;
        }
    }
    return KVSPAN_OK;
}

kvspan_status kvspan_axis_roles_make(const kvspan_settings *settings, uint32_t rank_count,
                                     kvspan_axis_roles *roles_out, kvspan_error *error)
{
    kvspan_axis_roles roles = { 0 };
    kvspan_partition_axis axis;
    kvspan_status status = kvspan_mesh_parse(settings->mesh, rank_count, &roles.mesh, error);

    if (status == KVSPAN_OK) {
        status = kvspan_partition_axis_read(settings->partition_axis, &axis, error);
    }
    if (status == KVSPAN_OK) {
        status =
            kvspan_partition_axis_resolve(&axis, &roles.mesh, "batch_axis", 0, &roles.batch, error);
    }
    if (status == KVSPAN_OK) {
        status = kvspan_partition_axis_resolve(&axis, &roles.mesh, "kv_head_axis", 0, &roles.heads,
                                               error);
    }
    if (status == KVSPAN_OK) {
        status = kvspan_partition_axis_resolve(&axis, &roles.mesh, "key_sequence_axis", 1,
                                               &roles.tokens, error);
    }
    if (status == KVSPAN_OK) {
        status = check_disjoint(&roles, error);
    }
    if (status == KVSPAN_OK) {
        const kvspan_axis_set used[] = { roles.batch, roles.heads, roles.tokens };

        roles.twins = kvspan_axis_set_rest(&roles.mesh, used, 3);
        *roles_out = roles;
    }
    return status;
}

kvspan_status kvspan_axis_roles_heads(const kvspan_axis_roles *roles,
                                      const kvspan_settings *settings, uint32_t group,
                                      uint32_t rank, kvspan_head_shard *heads_out,
                                      kvspan_error *error)
{
    const kvspan_layer_group *const layers = &settings->groups[group];

    return kvspan_head_shard_of(
        layers->planes[0].heads, layers->q_heads, kvspan_axis_set_size(&roles->mesh, &roles->heads),
        kvspan_axis_set_index(&roles->mesh, &roles->heads, rank),
        (kvspan_heads_policy)settings->config.heads_policy, 0, heads_out, error);
}

/* The group of a set of axes, its ranks at *next. */
static kvspan_group make_group(const kvspan_mesh *mesh, const kvspan_axis_set *set, uint32_t rank,
                               uint32_t **next)
{
    const kvspan_group group = { .ranks = *next,
                                 .count = kvspan_axis_set_size(mesh, set),
                                 .member = kvspan_axis_set_index(mesh, set, rank) };

    kvspan_mesh_group(mesh, set, rank, *next);
    *next += group.count;
    return group;
}

static kvspan_axis_set join_sets(const kvspan_axis_set *major, const kvspan_axis_set *minor)
{
    kvspan_axis_set joined = *major;

    for (uint32_t i = 0; i < minor->count; i++) {
        joined.axes[joined.count++] = minor->axes[i];
    }
    return joined;
}

static void make_groups(kvspan_geometry *geometry, uint32_t rank)
{
    const kvspan_axis_roles *const roles = &geometry->roles;
    const kvspan_mesh *const mesh = &roles->mesh;
    const kvspan_axis_set none = { 0 };
    const kvspan_axis_set all = kvspan_axis_set_rest(mesh, &none, 1);
    const kvspan_axis_set step = kvspan_axis_set_rest(mesh, &roles->batch, 1);
    const kvspan_axis_set spread = join_sets(&roles->heads, &roles->tokens);
    uint32_t *next = geometry->ranks;

    geometry->world = make_group(mesh, &all, rank, &next);
    geometry->step = make_group(mesh, &step, rank, &next);
    geometry->heads = make_group(mesh, &roles->heads, rank, &next);
    geometry->sequence = make_group(mesh, &roles->tokens, rank, &next);
    geometry->spread = make_group(mesh, &spread, rank, &next);
    geometry->step_group = kvspan_axis_set_index(mesh, &roles->batch, rank);
    geometry->step_group_count = kvspan_axis_set_size(mesh, &roles->batch);
    geometry->twin = kvspan_axis_set_index(mesh, &roles->twins, rank);
    geometry->twin_count = kvspan_axis_set_size(mesh, &roles->twins);
}

kvspan_status kvspan_axis_roles_token_copies(const kvspan_axis_roles *roles,
                                             const kvspan_settings *settings, uint32_t *copies_out,
                                             kvspan_error *error)
{
    const uint32_t head_members = kvspan_axis_set_size(&roles->mesh, &roles->heads);
    uint32_t copies = 1;

    for (uint32_t i = 0; i < settings->config.group_count; i++) {
        const kvspan_layer_group *const layers = &settings->groups[i];
        kvspan_head_shard shard;
        const kvspan_status status = kvspan_axis_roles_heads(roles, settings, i, 0, &shard, error);

        if (status != KVSPAN_OK) {
            return status;
        }
        if (settings->config.heads_policy != KVSPAN_HEADS_SPLIT_SEQUENCE) {
            continue;
        }
        if (shard.copy_count > 1 && shard.q_even.count == 0) {
            return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                               "split_sequence: %u query heads have no even shares over %u ranks",
                               layers->q_heads, head_members);
        }
        if (i > 0 && shard.copy_count != copies) {
            return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                               "split_sequence: layer group %u has %u ranks to a kv head, group 0 "
                               "has %u",
                               i, shard.copy_count, copies);
        }
        copies = shard.copy_count;
    }
    *copies_out = copies;
    return KVSPAN_OK;
}

/* The ranks that share my kv heads' tokens; the copies of a head are neighbours. */
static void make_token_group(kvspan_geometry *geometry, uint32_t *ranks)
{
    const kvspan_head_shard *const shard = &geometry->head_shards[0];
    const uint32_t copies = geometry->token_copies;
    const uint32_t sequences = geometry->sequence.count;

    if (copies == 1) {
        geometry->tokens = geometry->sequence;
        return;
    }
    for (uint32_t i = 0; i < sequences * copies; i++) {
        const uint32_t head_member = shard->first_owner + i % copies;

        ranks[i] = geometry->spread.ranks[(size_t)head_member * sequences + i / copies];
    }
    geometry->tokens =
        (kvspan_group){ .ranks = ranks,
                        .count = sequences * copies,
                        .member = geometry->sequence.member * copies + shard->copy_index };
}

kvspan_status kvspan_geometry_init(kvspan_geometry *geometry, const kvspan_settings *settings,
                                   uint32_t rank, uint32_t rank_count, kvspan_error *error)
{
    const kvspan_cache_config *const config = &settings->config;
    kvspan_status status;

    memset(geometry, 0, sizeof(*geometry));
    status = kvspan_axis_roles_make(settings, rank_count, &geometry->roles, error);
    if (status != KVSPAN_OK) {
        return status;
    }
    /* Six groups, none larger than the mesh. */
    geometry->ranks = calloc((size_t)rank_count * 6, sizeof(*geometry->ranks));
    geometry->head_shards = calloc(config->group_count, sizeof(*geometry->head_shards));
    if (!geometry->ranks || !geometry->head_shards) {
        status = kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory for the groups of %u ranks",
                             rank_count);
        goto err_fini;
    }
    make_groups(geometry, rank);
    if (config->coordinator >= geometry->step.count) {
        status = kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                             "coordinator is %u, the step group has %u members",
                             config->coordinator, geometry->step.count);
        goto err_fini;
    }
    geometry->coordinator_rank = geometry->step.ranks[config->coordinator];
    for (uint32_t i = 0; i < config->group_count; i++) {
        status = kvspan_axis_roles_heads(&geometry->roles, settings, i, rank,
                                         &geometry->head_shards[i], error);
        if (status != KVSPAN_OK) {
            goto err_fini;
        }
    }
    status =
        kvspan_axis_roles_token_copies(&geometry->roles, settings, &geometry->token_copies, error);
    if (status != KVSPAN_OK) {
        goto err_fini;
    }
    make_token_group(geometry, geometry->ranks + (size_t)rank_count * 5);
    if ((uint64_t)config->page_tokens * geometry->tokens.count > KVSPAN_MAX_SEQUENCE_TOKENS) {
        status = kvspan_fail(
            error, KVSPAN_ERR_ARGUMENT, "%u tokens of a page on each of %u ranks are more than %d",
            config->page_tokens, geometry->tokens.count, KVSPAN_MAX_SEQUENCE_TOKENS);
        goto err_fini;
    }
    geometry->rule = (kvspan_token_rule){ .page_tokens = config->page_tokens,
                                          .member_count = geometry->tokens.count,
                                          .member = geometry->tokens.member };
    return KVSPAN_OK;

err_fini:
    kvspan_geometry_fini(geometry);
    return status;
}

void kvspan_geometry_fini(kvspan_geometry *geometry)
{
    free(geometry->ranks);
    free(geometry->head_shards);
    memset(geometry, 0, sizeof(*geometry));
}
