#include "runtime/story_judge.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

const char *story_text(const story_order *order, const story_result *result)
{
    static char text[2 * STORY_SAID_BYTES];
    size_t used =
        (size_t)snprintf(text, sizeof(text), "%s=%s, %s: ", order->variable ? order->variable : "",
                         order->value ? order->value : "", result->failed);

    for (uint32_t i = 0; i < STORY_LIVES * order->rank_count; i++) {
        const cuda_story_end *const end =
            &result->ends[i / order->rank_count][i % order->rank_count];

        used +=
            (size_t)snprintf(text + used, sizeof(text) - used,
                             "life %u rank %u: %s about %d: %s [%s] digest %llx, broken: %s; ",
                             i / order->rank_count, i % order->rank_count,
                             kvspan_status_name(end->status), end->error.rank, end->error.message,
                             end->retried.message, (unsigned long long)end->digest, end->broken);
    }
    (void)snprintf(text + used, sizeof(text) - used, "exit %d, %llu ms\n%s", result->exit_code,
                   (unsigned long long)result->elapsed_ms, result->said);
    return text;
}

int story_is_good(const cuda_story_end *end, uint64_t digest)
{
    return end->status == KVSPAN_OK && (digest == 0 || end->digest == digest) && end->digest != 0;
}

static int names(const kvspan_error *error, const char *function)
{
    const int is_of_nccl = strncmp(function, "nccl", 4) == 0;
    const kvspan_status status = error->status;

    return strstr(error->message, function) &&
           (is_of_nccl ? status == KVSPAN_ERR_NCCL
                       : status == KVSPAN_ERR_CUDA || status == KVSPAN_ERR_MEMORY ||
                             status == KVSPAN_ERR_UNSUPPORTED) &&
           error->native != 0;
}

/* What gives back has nobody to tell. */
static int gives_back(const char *function)
{
    static const char *const functions[] = { "cudaFree",          "cudaFreeHost",
                                             "cudaStreamDestroy", "cudaEventDestroy",
                                             "ncclMemFree",       "ncclCommDestroy",
                                             "ncclCommFinalize",  "ncclCommDeregister" };

    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        if (strcmp(functions[i], function) == 0) {
            return 1;
        }
    }
    return 0;
}

/* The stand-in of NCCL calls CUDA too; then it is NCCL that says no, if it minds. */
static int is_within_nccl(const story_order *order, const char *function)
{
    return order->is_by_nccl && strncmp(function, "cuda", 4) == 0;
}

static int is_own(const story_order *order, const story_result *result, uint32_t rank)
{
    const kvspan_error *const error = &result->ends[0][rank].error;

    return result->ends[0][rank].status != KVSPAN_OK &&
           (names(error, result->failed) ||
            (is_within_nccl(order, result->failed) && error->status == KVSPAN_ERR_NCCL &&
             strstr(error->message, "unhandled cuda error")));
}

/* The rank whose call failed; rank_count: none has said so. */
static uint32_t find_rank(const story_order *order, const story_result *result)
{
    uint32_t rank = 0;

    while (rank < order->rank_count && !is_own(order, result, rank)) {
        rank++;
    }
    return rank;
}

static int is_retried(const story_order *order, const story_result *result)
{
    int count = 0;

    for (uint32_t i = 0; i < order->rank_count; i++) {
        count += names(&result->ends[0][i].retried, result->failed);
    }
    return count == 1;
}

/* In create all hear the same; in a step the others have PEER or LATE, or were done before it. */
static void check_others(const story_order *order, const story_result *result, uint32_t failing,
                         uint64_t digest)
{
    const cuda_story_end *const own = &result->ends[0][failing];

    for (uint32_t i = 0; i < order->rank_count; i++) {
        const cuda_story_end *const end = &result->ends[0][i];
        const int is_heard = end->status == KVSPAN_ERR_PEER || end->status == KVSPAN_ERR_LATE;
        const int is_agreed = !own->is_created && end->status == own->status;

        ck_assert_msg(
            i == failing || ((is_heard || is_agreed) && end->error.rank == own->error.rank) ||
                ((own->is_in_last_step || result->was_giving_back) && story_is_good(end, digest)),
            "%s", story_text(order, result));
    }
}

void story_check_first_life(const story_order *order, const story_result *result, uint64_t digest)
{
    const uint32_t failing = find_rank(order, result);
    int good = 0;

    for (uint32_t i = 0; i < order->rank_count; i++) {
        good += story_is_good(&result->ends[0][i], digest);
    }
    if (good == (int)order->rank_count) {
        ck_assert_msg(is_retried(order, result) || gives_back(result->failed) ||
                          result->was_giving_back || is_within_nccl(order, result->failed),
                      "nobody was told: %s", story_text(order, result));
        return;
    }
    ck_assert_msg(failing < order->rank_count, "the call is not named: %s",
                  story_text(order, result));
    check_others(order, result, failing, digest);
}

void story_check_rest(const story_order *order, const story_result *result)
{
    ck_assert_msg(result->exit_code == 0, "hung, failed or leaked: %s", story_text(order, result));
    ck_assert_msg(!order->is_by_nccl ||
                      strstr(result->said, " 0 communicators neither destroyed nor aborted"),
                  "communicators are left: %s", story_text(order, result));
    for (uint32_t i = 0; i < STORY_LIVES * order->rank_count; i++) {
        const cuda_story_end *const end =
            &result->ends[i / order->rank_count][i % order->rank_count];

        ck_assert_msg(end->broken[0] == '\0', "%s", story_text(order, result));
        ck_assert_msg(!end->is_error_left || is_within_nccl(order, result->failed),
                      "cudaGetLastError() is left with it: %s", story_text(order, result));
    }
}

void story_check_second_life(const story_order *order, const story_result *result, uint64_t digest)
{
    for (uint32_t i = 0; i < order->rank_count; i++) {
        ck_assert_msg(story_is_good(&result->ends[1][i], digest), "%s", story_text(order, result));
    }
}
