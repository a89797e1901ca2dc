/* ldmatrix and stmatrix: 8 × 8 matrices of 16 bits between shared memory and fragments. Lane 8m + r
 * says where row r of matrix m is; lane l holds elements 2 · (l % 4) and the next of row l / 4, or
 * of the column with .trans. */
#include "standin/ptx/builders.h"
#include "standin/ptx/memory.h"

enum {
    ROWS = 8,
    ROW_BYTES = 16,
    MOST_MATRICES = 4
};

/* After a fault nobody looks at results any more. */
static void whole_warp_check(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    if (lanes != PTX_ALL_LANES) {
        ptx_fault(warp, i, ptx_lowest_lane(lanes), "executed by lanes %08x, not by a whole warp",
                  lanes);
    }
}

/* Eight rows at a time, as a request each. */
static void rows_find(ptx_warp *warp, const ptx_instruction *i, ptx_access access,
                      uint8_t *rows[PTX_LANES])
{
    for (uint32_t matrix = 0; matrix < i->variant; ++matrix) {
        ptx_memory_places(warp, i, 0xffu << (ROWS * matrix), (ptx_space)i->space,
                          ptx_source(warp, i, 0), i->offset, ROW_BYTES, access, rows);
    }
}

/* Where the half `part` of a lane's register is. */
static uint8_t *element_place(const ptx_instruction *i, uint8_t *const *rows, uint32_t matrix,
                              uint32_t lane, uint32_t part)
{
    const uint32_t along = 2 * (lane % 4) + part;
    const uint32_t across = lane / 4;
    const bool is_transposed = i->flags & PTX_FLAG_TRANSPOSED;

    return rows[ROWS * matrix + (is_transposed ? along : across)] +
           2 * (size_t)(is_transposed ? across : along);
}

static void execute_ldmatrix(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    uint8_t *rows[PTX_LANES];

    whole_warp_check(warp, i, lanes);
    rows_find(warp, i, PTX_ACCESS_READ, rows);
    for (uint32_t matrix = 0; matrix < i->variant; ++matrix) {
        uint64_t *d = ptx_destination(warp, i, matrix);

        for (uint32_t lane = 0; lane < PTX_LANES; ++lane) {
            uint16_t low;
            uint16_t high;

            memcpy(&low, element_place(i, rows, matrix, lane, 0), sizeof low);
            memcpy(&high, element_place(i, rows, matrix, lane, 1), sizeof high);
            d[lane] = (uint64_t)high << 16 | low;
        }
    }
}

static void execute_stmatrix(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    uint8_t *rows[PTX_LANES];

    whole_warp_check(warp, i, lanes);
    rows_find(warp, i, PTX_ACCESS_WRITE, rows);
    for (uint32_t matrix = 0; matrix < i->variant; ++matrix) {
        const uint64_t *a = ptx_source(warp, i, 1 + matrix);

        for (uint32_t lane = 0; lane < PTX_LANES; ++lane) {
            const uint16_t low = (uint16_t)a[lane];
            const uint16_t high = (uint16_t)(a[lane] >> 16);

            memcpy(element_place(i, rows, matrix, lane, 0), &low, sizeof low);
            memcpy(element_place(i, rows, matrix, lane, 1), &high, sizeof high);
        }
    }
}

static bool matrices_take(ptx_statement *statement)
{
    static const char *const counts[] = { "x1", "x2", "x4", NULL };
    static const uint8_t matrices[] = { 1, 2, MOST_MATRICES };
    ptx_instruction *i = &statement->instruction;
    const bool has_words = ptx_take(statement, "sync") && ptx_take(statement, "aligned") &&
                           ptx_take(statement, "m8n8");
    const int count = ptx_take_one_of(statement, counts);

    i->flags |= ptx_take(statement, "trans") ? PTX_FLAG_TRANSPOSED : 0;
    i->space = (uint8_t)ptx_take_space(statement);
    i->flow = PTX_FLOW_ALIGNED;
    if (!has_words || count < 0 || ptx_take_type(statement) != PTX_B16) {
        return ptx_refuse(statement, "needs .sync.aligned.m8n8, a count and .b16");
    }
    i->variant = matrices[count];
    return true;
}

bool ptx_build_ldmatrix(ptx_statement *statement)
{
    ptx_instruction *i = &statement->instruction;

    i->execute = execute_ldmatrix;
    return matrices_take(statement) && ptx_operand_destinations(statement, 0) &&
           ptx_operand_address(statement, 1) &&
           (i->destination_count == i->variant || ptx_refuse(statement, "another length"));
}

bool ptx_build_stmatrix(ptx_statement *statement)
{
    ptx_instruction *i = &statement->instruction;

    i->execute = execute_stmatrix;
    return matrices_take(statement) && ptx_operand_address(statement, 0) &&
           ptx_operand_sources(statement, 1) &&
           (i->source_count == i->variant + 1u || ptx_refuse(statement, "another length"));
}
