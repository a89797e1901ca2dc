#include "gates/opcode.h"

enum {
    OPERATION_MASK = 0x1ff,
    OPCODE_MASK = 0xfff,
    OPCODE_BRANCH = 0x947,
    OPCODE_UNIFORM_BRANCH = 0x547,
    FIRST_ARCH_WITH_SPLIT_TARGETS = 90,
    FIRST_ARCH_WITH_NEW_LDGSTS = 100,
    INSTRUCTION_BYTES = 16
};

static const struct {
    const char *name;
    uint32_t operation;
    opcode_kind kind;
} operations[] = {
    { "NOP", 0x118, OPCODE_NOP },
    { "LDGSTS", 0x1ae, OPCODE_LDGSTS },
    { "LDGDEPBAR", 0x1af, OPCODE_LDGDEPBAR },
    { "DEPBAR", 0x11a, OPCODE_DEPBAR },
    { "LD", 0x180, OPCODE_LD },
    { "ST", 0x185, OPCODE_ST },
    { "LDG", 0x181, OPCODE_LDG },
    { "LDG", 0x17e, OPCODE_LDG }, /* 32 bytes, sm_100 */
    { "STG", 0x186, OPCODE_STG },
    { "LDS", 0x184, OPCODE_LDS },
    { "STS", 0x188, OPCODE_STS },
    { "LDL", 0x183, OPCODE_LDL },
    { "STL", 0x187, OPCODE_STL },
    { "LDSM", 0x03b, OPCODE_LDSM },
    { "STSM", 0x044, OPCODE_STSM },
    { "HMMA", 0x03c, OPCODE_HMMA },
    { "IMMA", 0x037, OPCODE_IMMA },
    { "QMMA", 0x07a, OPCODE_QMMA },
    { "HGMMA", 0x1f0, OPCODE_HGMMA },
    { "QGMMA", 0x1f3, OPCODE_QGMMA },
    { "BULK", 0x1b4, OPCODE_BULK },
    { "BULK", 0x1ba, OPCODE_BULK },
    { "MUFU", 0x108, OPCODE_MUFU },
    { "SHFL", 0x189, OPCODE_SHFL },
    { "BAR", 0x11d, OPCODE_BAR },
    { "CALL", 0x144, OPCODE_CALL },
    { "CALL", 0x143, OPCODE_CALL },
    { "RET", 0x150, OPCODE_RET },
    { "BRA", 0x147, OPCODE_BRA },
    { "BRX", 0x149, OPCODE_INDIRECT },
    { "BRX", 0x14c, OPCODE_INDIRECT },
    { "EXIT", 0x14d, OPCODE_EXIT },
    { "EXIT", 0x15b, OPCODE_EXIT },
};

enum {
    OPERATION_COUNT = sizeof(operations) / sizeof(operations[0])
};

static uint32_t bits(uint64_t word, uint32_t first, uint32_t count)
{
    return (uint32_t)(word >> first) & ((1u << count) - 1);
}

opcode_kind opcode_of(sass_word word)
{
    const uint32_t operation = bits(word.low, 0, 12) & OPERATION_MASK;

    for (uint32_t index = 0; index < OPERATION_COUNT; index++) {
        if (operations[index].operation == operation) {
            return operations[index].kind;
        }
    }
    return OPCODE_OTHER;
}

const char *opcode_name(opcode_kind kind)
{
    for (uint32_t index = 0; index < OPERATION_COUNT; index++) {
        if (operations[index].kind == kind) {
            return operations[index].name;
        }
    }
    return "other";
}

uint32_t opcode_access_bytes(sass_word word, uint32_t arch)
{
    static const uint32_t bytes_of_size[8] = { 1, 1, 2, 2, 4, 8, 16, 16 };
    static const uint32_t bytes_of_copy[4] = { 4, 8, 16, 16 };

    if (opcode_of(word) == OPCODE_LDGSTS && arch >= FIRST_ARCH_WITH_NEW_LDGSTS) {
        return bytes_of_copy[bits(word.high, 10, 2)];
    }
    if ((word.low & OPERATION_MASK) == 0x17e) {
        return 32;
    }
    return bytes_of_size[bits(word.high, 9, 3)];
}

uint32_t opcode_pending_groups(sass_word word)
{
    return bits(word.low, 38, 6);
}

bool opcode_is_unconditional(sass_word word)
{
    enum {
        ALWAYS = 7 /* predicate 7, not negated */
    };

    if (bits(word.low, 12, 4) != ALWAYS || opcode_is_taken_if_split(word)) {
        return false;
    }
    if ((word.low & OPCODE_MASK) == OPCODE_UNIFORM_BRANCH) {
        return bits(word.low, 24, 4) == ALWAYS;
    }
    return (word.low & OPCODE_MASK) != OPCODE_BRANCH || bits(word.high, 23, 5) == ALWAYS;
}

static bool is_branch_of_mode(sass_word word, uint32_t mode)
{
    return (word.low & OPCODE_MASK) == OPCODE_BRANCH && bits(word.low, 32, 2) == mode;
}

bool opcode_is_taken_if_whole(sass_word word)
{
    return is_branch_of_mode(word, 3);
}

bool opcode_is_taken_if_split(sass_word word)
{
    return is_branch_of_mode(word, 2);
}

bool opcode_target(sass_word word, uint32_t arch, uint32_t index, uint32_t word_count,
                   uint32_t *target_out)
{
    const uint64_t sign = 1ull << 47;
    const uint64_t field = (word.low >> 34 | word.high << 30) & ((1ull << 48) - 1);
    int64_t quarters = (int64_t)(field ^ sign) - (int64_t)sign;

    if (arch >= FIRST_ARCH_WITH_SPLIT_TARGETS) {
        quarters = quarters * 256 + bits(word.low, 16, 8);
    }
    /* From the instruction behind the branch, in units of four bytes. */
    const int64_t here = (int64_t)index + 1;
    const int64_t words = quarters / (INSTRUCTION_BYTES / 4);
    if (quarters % (INSTRUCTION_BYTES / 4) != 0 || words < -here ||
        words >= (int64_t)word_count - here) {
        return false;
    }
    *target_out = (uint32_t)(here + words);
    return true;
}
