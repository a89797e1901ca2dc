#include "standin/nccl/description.h"

#include "standin/nccl/reduce.h"
#include "standin/nccl/report.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    VALUE_BYTES = 64
};

static bool differ(const nccl_description *mine, int my_rank, int other_rank, const char *what,
                   const char *my_value, const char *other_value)
{
    report_misuse(ncclInvalidUsage, my_rank,
                  "collective #%" PRIu64 " (%s): %s differs: %s on rank %d, %s on rank %d",
                  mine->number, operation_name((operation_kind)mine->kind), what, my_value, my_rank,
                  other_value, other_rank);
    return false;
}

static bool differ_in_number(const nccl_description *mine, int my_rank, int other_rank,
                             const char *what, uint64_t my_value, uint64_t other_value)
{
    char my_text[VALUE_BYTES];
    char other_text[VALUE_BYTES];

    (void)snprintf(my_text, sizeof(my_text), "%" PRIu64, my_value);
    (void)snprintf(other_text, sizeof(other_text), "%" PRIu64, other_value);
    return differ(mine, my_rank, other_rank, what, my_text, other_text);
}

static void place_text(const window_place *place, char text[VALUE_BYTES])
{
    if (place->window == WINDOW_NONE) {
        (void)snprintf(text, VALUE_BYTES, "none");
    } else {
        (void)snprintf(text, VALUE_BYTES, "%" PRIu64 " in window %" PRId64, place->offset,
                       place->window);
    }
}

/* The same offset in the same window on every rank. */
static bool places_compare(const nccl_description *mine, int my_rank, const nccl_description *other,
                           int other_rank, const window_place *my_place,
                           const window_place *other_place, const char *what)
{
    char my_text[VALUE_BYTES];
    char other_text[VALUE_BYTES];

    if (my_place->window == WINDOW_UNUSED || other_place->window == WINDOW_UNUSED ||
        (my_place->window == other_place->window && my_place->offset == other_place->offset)) {
        return true;
    }
    (void)other;
    place_text(my_place, my_text);
    place_text(other_place, other_text);
    return differ(mine, my_rank, other_rank, what, my_text, other_text);
}

/* Two communicators of one device: one of them has come further on one rank than on the other. */
static bool orders_compare(const nccl_description *mine, int my_rank, const nccl_description *other,
                           int other_rank)
{
    for (uint32_t i = 0; i < mine->order_count; i++) {
        for (uint32_t j = 0; j < other->order_count; j++) {
            if (mine->order[i].comm == other->order[j].comm &&
                mine->order[i].collectives != other->order[j].collectives) {
                return differ_in_number(mine, my_rank, other_rank,
                                        "the order of communicators, which can deadlock: "
                                        "collectives issued before on another communicator",
                                        mine->order[i].collectives, other->order[j].collectives);
            }
        }
    }
    return true;
}

bool description_compare(const nccl_description *mine, int my_rank, const nccl_description *other,
                         int other_rank)
{
    if (mine->kind != other->kind) {
        return differ(mine, my_rank, other_rank, "the operation",
                      operation_name((operation_kind)mine->kind),
                      operation_name((operation_kind)other->kind));
    }
    if (mine->count != other->count) {
        return differ_in_number(mine, my_rank, other_rank, "count", mine->count, other->count);
    }
    if (mine->type != other->type) {
        return differ(mine, my_rank, other_rank, "type", type_name((ncclDataType_t)mine->type),
                      type_name((ncclDataType_t)other->type));
    }
    if (mine->reduction != other->reduction) {
        return differ(mine, my_rank, other_rank, "the reduction",
                      reduction_name((ncclRedOp_t)mine->reduction),
                      reduction_name((ncclRedOp_t)other->reduction));
    }
    if (mine->root != other->root) {
        return differ_in_number(mine, my_rank, other_rank, "root", (uint64_t)mine->root,
                                (uint64_t)other->root);
    }
    if (mine->splits != other->splits) {
        return differ_in_number(mine, my_rank, other_rank, "the number of splits before it",
                                mine->splits, other->splits);
    }
    return places_compare(mine, my_rank, other, other_rank, &mine->send, &other->send,
                          "the send buffer's offset in a symmetric window") &&
           places_compare(mine, my_rank, other, other_rank, &mine->receive, &other->receive,
                          "the receive buffer's offset in a symmetric window") &&
           orders_compare(mine, my_rank, other, other_rank);
}
