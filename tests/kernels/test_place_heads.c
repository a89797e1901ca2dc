#include "support/suite.h"

#include <string.h>

#include "column.h"
#include "support/random.h"

enum {
    CANARY = 0xa5,
    DIM = 3,
    MAX_BLOCKS = 4,
    MAX_HEADS = 8,
    MAX_TOKENS = 8
};

/* Four ranks' blocks of two heads each become one row of eight: [rank][token][head] ->
 * [token][head]. */
START_TEST(blocks_of_ranks_become_rows_of_heads)
{
    static const float blocks[] = { 0, 1, 10, 11, 2, 3, 12, 13, 4, 5, 14, 15, 6, 7, 16, 17 };
    static const float expected[] = { 0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17 };
    kvspan_head_block places[4];
    float out[16] = { 0 };
    const kvspan_place_heads_args args = { .blocks = (const unsigned char *)blocks,
                                           .block_stride = 4 * sizeof(float),
                                           .places = places,
                                           .block_count = 4,
                                           .out = { .data = out,
                                                    .dtype = KVSPAN_F32,
                                                    .heads = 8,
                                                    .dim = 1,
                                                    .tokens = 2,
                                                    .token_stride = 8,
                                                    .head_stride = 1 } };

    for (uint32_t rank = 0; rank < 4; rank++) {
        places[rank] = (kvspan_head_block){
            .token_count = 2, .first_head = 2 * rank, .head_count = 2, .source_heads = 2
        };
    }
    COLUMN_RUN(place_heads, &args);
    ck_assert_mem_eq(out, expected, sizeof(out));
}
END_TEST

static kvspan_head_block random_place(random_source *source)
{
    kvspan_head_block place = { .source_heads = random_between(source, 1, MAX_HEADS) };

    place.source_first = random_below(source, place.source_heads + 1);
    place.head_count = random_below(source, place.source_heads - place.source_first + 1);
    place.first_head = random_below(source, MAX_HEADS - place.head_count + 1);
    place.token_count = random_below(source, MAX_TOKENS + 1);
    place.first_token = random_below(source, MAX_TOKENS - (uint32_t)place.token_count + 1);
    return place;
}

enum {
    HEAD_STRIDE = DIM + 1,
    TOKEN_STRIDE = MAX_HEADS * HEAD_STRIDE + 2,
    OUT_ELEMENTS = MAX_TOKENS * TOKEN_STRIDE,
    BLOCK_ELEMENTS = MAX_TOKENS * MAX_HEADS * DIM
};

/* Asks of every element of the block where it belongs. */
static void expect_block(const kvspan_head_block *place, const uint16_t *block, uint16_t *expected)
{
    for (uint32_t i = 0; i < place->token_count * place->source_heads * DIM; i++) {
        const uint32_t head = i / DIM % place->source_heads;
        const uint64_t token = i / DIM / place->source_heads + place->first_token;

        if (head >= place->source_first && head < place->source_first + place->head_count) {
            const uint64_t target = head - place->source_first + place->first_head;

            expected[token * TOKEN_STRIDE + target * HEAD_STRIDE + i % DIM] = block[i];
        }
    }
}

/* Elements of 2 bytes; later blocks win; what no block covers stays. */
START_TEST(random_blocks_land_where_they_say)
{
    random_source source = random_start("place heads", 1);

    for (uint32_t round = 0; round < 200; round++) {
        uint16_t blocks[MAX_BLOCKS][BLOCK_ELEMENTS];
        uint16_t out[OUT_ELEMENTS];
        uint16_t expected[OUT_ELEMENTS];
        kvspan_head_block places[MAX_BLOCKS];
        const uint32_t block_count = random_below(&source, MAX_BLOCKS + 1);
        const kvspan_place_heads_args args = { .blocks = (const unsigned char *)blocks,
                                               .block_stride = sizeof(blocks[0]),
                                               .places = places,
                                               .block_count = block_count,
                                               .out = { .data = out,
                                                        .dtype =
                                                            round % 2 ? KVSPAN_F16 : KVSPAN_BF16,
                                                        .heads = MAX_HEADS,
                                                        .dim = DIM,
                                                        .tokens = MAX_TOKENS,
                                                        .token_stride = TOKEN_STRIDE,
                                                        .head_stride = HEAD_STRIDE } };

        memset(out, CANARY, sizeof(out));
        memset(expected, CANARY, sizeof(expected));
        for (uint32_t block = 0; block < block_count; block++) {
            for (uint32_t i = 0; i < BLOCK_ELEMENTS; i++) {
                blocks[block][i] = (uint16_t)random_next(&source);
            }
            places[block] = random_place(&source);
            expect_block(&places[block], blocks[block], expected);
        }
        COLUMN_RUN(place_heads, &args);
        ck_assert_mem_eq(out, expected, sizeof(out));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kernels/place_heads");
    TCase *place = tcase_create("place");

    tcase_add_test(place, blocks_of_ranks_become_rows_of_heads);
    tcase_add_test(place, random_blocks_land_where_they_say);
    suite_add_tcase(suite, place);
    return suite_run(suite);
}
