#include "support/suite.h"

#include <stdlib.h>
#include <string.h>

#include "column.h"
#include "support/random.h"

enum {
    MAX_ROWS = 8,
    MAX_ROW_MOVES = 400,
    MAX_MOVES = MAX_ROWS * MAX_ROW_MOVES
};

/* ---- letters: pages "abcd" "efgh" "ijkl", a byte to a vector ------------------------------- */

enum {
    LETTER_TOKENS = 4,
    LETTER_PAGES = 3
};

static void move_letters(char *letters, const uint32_t *row_starts, uint32_t row_count,
                         const kvspan_token_move *moves)
{
    const kvspan_move_tokens_args args = { .plane = { .data = (unsigned char *)letters,
                                                      .page_stride = LETTER_TOKENS,
                                                      .head_stride = LETTER_TOKENS,
                                                      .token_stride = 1,
                                                      .dtype = KVSPAN_F8E4M3,
                                                      .heads = 1,
                                                      .dim = 1 },
                                           .layer_count = 1,
                                           .row_count = row_count,
                                           .row_starts = row_starts,
                                           .moves = moves };

    column_move_tokens(&args, KVSPAN_KEY, LETTER_TOKENS, LETTER_PAGES);
}

/* Tokens 1, 3 and 6 of pages 2 0 1 come behind token 0: over what came first, 1 and 3. */
START_TEST(accepted_tokens_close_ranks)
{
    const kvspan_token_move moves[] = { { 2, 1, 2, 1 }, { 2, 3, 2, 2 }, { 0, 2, 2, 3 } };
    const uint32_t row_starts[] = { 0, 3 };
    char letters[] = "abcdefghijkl!";

    move_letters(letters, row_starts, 1, moves);
    ck_assert_str_eq(letters, "abcdefghijlc!");
}
END_TEST

/* Every move writes where the one before has read. */
START_TEST(a_whole_row_moves_by_one)
{
    kvspan_token_move moves[11];
    const uint32_t row_starts[] = { 0, 11 };
    char letters[] = "abcdefghijkl!";

    for (uint32_t i = 0; i < 11; i++) {
        moves[i] = (kvspan_token_move){ .from_page = (i + 1) / LETTER_TOKENS,
                                        .from_token = (i + 1) % LETTER_TOKENS,
                                        .to_page = i / LETTER_TOKENS,
                                        .to_token = i % LETTER_TOKENS };
    }
    move_letters(letters, row_starts, 1, moves);
    ck_assert_str_eq(letters, "bcdefghijkll!");
}
END_TEST

START_TEST(rows_may_have_no_moves_and_share_pages)
{
    const kvspan_token_move moves[] = { { 0, 1, 0, 0 }, { 0, 3, 0, 2 }, { 1, 2, 1, 1 } };
    const uint32_t row_starts[] = { 0, 0, 1, 1, 3, 3 };
    char letters[] = "abcdefghijkl!";

    move_letters(letters, row_starts, 0, NULL);
    move_letters(letters, row_starts, 1, moves);
    ck_assert_str_eq(letters, "abcdefghijkl!");
    move_letters(letters, row_starts, 5, moves);
    ck_assert_str_eq(letters, "bbddeggh"
                              "ijkl!");
}
END_TEST

/* ---- random planes -------------------------------------------------------------------------- */

struct plane {
    kvspan_role role;
    kvspan_plane_view view; /* canonical, of the first layer */
    uint32_t layer_count;
    uint64_t layer_stride;
    uint32_t page_tokens;
    uint32_t page_count;
    uint64_t bytes; /* of all layers' pages */
    uint32_t row_count;
    uint32_t row_starts[MAX_ROWS + 1];
    kvspan_token_move moves[MAX_MOVES];
};

/* Some of a row's tokens go, in order, to places from some token on; the row's pages are the given
 * ones. */
static void add_row(struct plane *plane, const uint32_t *pages, uint32_t page_count,
                    random_source *source)
{
    const uint32_t tokens = page_count * plane->page_tokens;
    const uint32_t kept_in_4 = random_between(source, 1, 4);
    uint32_t to = random_below(source, tokens);
    uint32_t count = plane->row_starts[plane->row_count];

    for (uint32_t from = to + random_below(source, 3); from < tokens; from++) {
        if (random_below(source, 4) < kept_in_4) {
            plane->moves[count++] =
                (kvspan_token_move){ .from_page = pages[from / plane->page_tokens],
                                     .from_token = from % plane->page_tokens,
                                     .to_page = pages[to / plane->page_tokens],
                                     .to_token = to % plane->page_tokens };
            to++;
        }
    }
    plane->row_count++;
    plane->row_starts[plane->row_count] = count;
}

static void add_rows(struct plane *plane, random_source *source)
{
    const uint32_t most = MAX_ROW_MOVES / plane->page_tokens;
    uint32_t pages[MAX_MOVES + 1];
    uint32_t used = 0;

    for (uint32_t i = 0; i < plane->page_count; i++) {
        pages[i] = i;
    }
    random_shuffle(source, pages, plane->page_count);
    while (plane->row_count < MAX_ROWS && used < plane->page_count) {
        const uint32_t left = plane->page_count - used;
        const uint32_t count = random_between(source, 1, left < most ? left : most);

        add_row(plane, pages + used, count, source);
        used += count;
    }
}

/* Every other plane can be tiled, where the pages can. */
static struct plane *random_plane(uint32_t page_tokens, random_source *source)
{
    static const kvspan_dtype dtypes[] = { KVSPAN_BF16,   KVSPAN_F16,    KVSPAN_F32,
                                           KVSPAN_F8E4M3, KVSPAN_F8E5M2, KVSPAN_I8 };
    struct plane *const plane = calloc(1, sizeof(*plane));
    const kvspan_dtype dtype = dtypes[random_below(source, 6)];
    const uint32_t dim =
        random_below(source, 2) ? 16 * random_between(source, 1, 8) : random_between(source, 1, 70);
    const uint64_t vector_bytes = (uint64_t)dim * kvspan_dtype_bytes(dtype);
    const bool has_scales = kvspan_dtype_bytes(dtype) == 1 && random_below(source, 3) > 0;

    ck_assert_ptr_nonnull(plane);
    plane->role = random_below(source, 2) ? KVSPAN_KEY : KVSPAN_VALUE;
    plane->view =
        (kvspan_plane_view){ .token_stride = vector_bytes,
                             .dtype = dtype,
                             .heads = random_between(source, 1, 3),
                             .dim = dim,
                             .scale_offset = has_scales ? page_tokens * vector_bytes : 0 };
    plane->view.head_stride = page_tokens * (vector_bytes + (has_scales ? sizeof(float) : 0));
    plane->layer_count = random_between(source, 1, 3);
    plane->page_tokens = page_tokens;
    plane->page_count = random_between(source, 1, 400 / page_tokens + 2);
    if (random_below(source, 2)) { /* layer-first */
        plane->view.page_stride = plane->view.heads * plane->view.head_stride;
        plane->layer_stride = plane->page_count * plane->view.page_stride;
        plane->bytes = plane->layer_count * plane->layer_stride;
    } else {
        plane->layer_stride = plane->view.heads * plane->view.head_stride;
        plane->view.page_stride =
            plane->layer_count * plane->layer_stride + random_below(source, 3);
        plane->bytes = plane->page_count * plane->view.page_stride;
    }
    add_rows(plane, source);
    return plane;
}

/* Reads all there is before it writes: `after` is a copy of `before` so far. */
static void expect_moves(const struct plane *plane, const unsigned char *before,
                         unsigned char *after)
{
    const kvspan_plane_view *const view = &plane->view;

    for (uint32_t i = 0; i < plane->row_starts[plane->row_count]; i++) {
        const kvspan_token_move *const move = &plane->moves[i];

        for (uint32_t part = 0; part < plane->layer_count * view->heads; part++) {
            const uint64_t offset =
                part / view->heads * plane->layer_stride + part % view->heads * view->head_stride;
            const uint64_t from = offset + move->from_page * view->page_stride;
            const uint64_t to = offset + move->to_page * view->page_stride;

            memcpy(after + to + move->to_token * view->token_stride,
                   before + from + move->from_token * view->token_stride, view->token_stride);
            if (view->scale_offset) {
                memcpy(after + to + view->scale_offset + 4 * (uint64_t)move->to_token,
                       before + from + view->scale_offset + 4 * (uint64_t)move->from_token, 4);
            }
        }
    }
}

/* Compares whole arenas: what no move writes keeps its bytes. */
static void check_plane(const struct plane *plane, random_source *source)
{
    unsigned char *const arena = malloc(plane->bytes);
    unsigned char *const expected = malloc(plane->bytes);
    kvspan_move_tokens_args args = { .plane = plane->view,
                                     .layer_count = plane->layer_count,
                                     .layer_stride = plane->layer_stride,
                                     .row_count = plane->row_count,
                                     .row_starts = plane->row_starts,
                                     .moves = plane->moves };

    ck_assert(arena && expected);
    for (uint64_t i = 0; i < plane->bytes; i++) {
        arena[i] = (unsigned char)random_next(source);
    }
    memcpy(expected, arena, plane->bytes);
    expect_moves(plane, arena, expected);
    args.plane.data = arena;
    column_move_tokens(&args, plane->role, plane->page_tokens, plane->page_count);
    ck_assert_int_eq(memcmp(arena, expected, plane->bytes), 0);
    free(arena);
    free(expected);
}

START_TEST(random_moves_take_every_bit_along)
{
    static const uint32_t page_tokens[] = { 1, 5, 16, 64 };
    random_source source = random_start("moves", 1);

    for (uint32_t round = 0; round < 24; round++) {
        struct plane *const plane = random_plane(page_tokens[_i], &source);

        if (column_tries(round)) {
            check_plane(plane, &source);
        }
        free(plane);
    }
}
END_TEST

/* Pages of 2^31 bytes and more lie beyond 32 bits: the address itself is what counts. */
START_TEST(offsets_are_64_bits)
{
    const uint64_t page_stride = (uint64_t)1 << 33;
    const uint32_t row_starts[] = { 0, 1 };
    const kvspan_token_move moves[] = { { 3, 1, 3, 0 } };
    float page[] = { 41.0f, 42.0f };
    const kvspan_move_tokens_args args = { .plane = { .data = (unsigned char *)((uintptr_t)page -
                                                                                3 * page_stride),
                                                      .page_stride = page_stride,
                                                      .head_stride = sizeof(page),
                                                      .token_stride = sizeof(float),
                                                      .dtype = KVSPAN_F32,
                                                      .heads = 1,
                                                      .dim = 1 },
                                           .layer_count = 1,
                                           .row_count = 1,
                                           .row_starts = row_starts,
                                           .moves = moves };

    column_move_tokens(&args, KVSPAN_KEY, 2, 4);
    ck_assert(page[0] == 42.0f && page[1] == 42.0f);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kernels/move_tokens");
    TCase *letters = tcase_create("letters");
    TCase *random = tcase_create("random");

    tcase_add_test(letters, accepted_tokens_close_ranks);
    tcase_add_test(letters, a_whole_row_moves_by_one);
    tcase_add_test(letters, rows_may_have_no_moves_and_share_pages);
    tcase_add_loop_test(random, random_moves_take_every_bit_along, 0, 4);
    tcase_add_test(random, offsets_are_64_bits);
    suite_add_tcase(suite, letters);
    suite_add_tcase(suite, random);
    return suite_run(suite);
}
