#include "standin/ptx/value.h"

static const struct {
    const char *name;
    uint8_t bytes;
    bool is_signed;
    bool is_float;
} types[PTX_TYPES] = {
    [PTX_NO_TYPE] = { "", 0, false, false },     [PTX_PRED] = { "pred", 1, false, false },
    [PTX_B8] = { "b8", 1, false, false },        [PTX_U8] = { "u8", 1, false, false },
    [PTX_S8] = { "s8", 1, true, false },         [PTX_B16] = { "b16", 2, false, false },
    [PTX_U16] = { "u16", 2, false, false },      [PTX_S16] = { "s16", 2, true, false },
    [PTX_F16] = { "f16", 2, false, true },       [PTX_BF16] = { "bf16", 2, false, true },
    [PTX_E4M3X2] = { "e4m3x2", 2, false, true }, [PTX_E5M2X2] = { "e5m2x2", 2, false, true },
    [PTX_B32] = { "b32", 4, false, false },      [PTX_U32] = { "u32", 4, false, false },
    [PTX_S32] = { "s32", 4, true, false },       [PTX_F32] = { "f32", 4, false, true },
    [PTX_TF32] = { "tf32", 4, false, true },     [PTX_F16X2] = { "f16x2", 4, false, true },
    [PTX_BF16X2] = { "bf16x2", 4, false, true }, [PTX_B64] = { "b64", 8, false, false },
    [PTX_U64] = { "u64", 8, false, false },      [PTX_S64] = { "s64", 8, true, false },
    [PTX_F64] = { "f64", 8, false, true },       [PTX_B128] = { "b128", 16, false, false },
    [PTX_E4M3] = { "e4m3", 1, false, true },     [PTX_E5M2] = { "e5m2", 1, false, true },
};

ptx_type ptx_type_named(const char *name)
{
    for (uint32_t type = 1; type < PTX_TYPES; ++type) {
        if (strcmp(types[type].name, name) == 0) {
            return (ptx_type)type;
        }
    }
    return PTX_NO_TYPE;
}

uint32_t ptx_type_bytes(ptx_type type)
{
    return types[type].bytes;
}

bool ptx_type_is_signed(ptx_type type)
{
    return types[type].is_signed;
}

bool ptx_type_is_float(ptx_type type)
{
    return types[type].is_float;
}
