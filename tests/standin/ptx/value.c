#include "standin/ptx/value.h"

static const struct {
    const char *name;
    uint8_t bytes;
    bool is_signed;
    bool is_float;
} types[PTX_TYPES] = {
    [PTX_PRED] = { .name = "pred", .bytes = 1 },
    [PTX_B8] = { .name = "b8", .bytes = 1 },
    [PTX_U8] = { .name = "u8", .bytes = 1 },
    [PTX_S8] = { .name = "s8", .bytes = 1, .is_signed = true },
    [PTX_B16] = { .name = "b16", .bytes = 2 },
    [PTX_U16] = { .name = "u16", .bytes = 2 },
    [PTX_S16] = { .name = "s16", .bytes = 2, .is_signed = true },
    [PTX_F16] = { .name = "f16", .bytes = 2, .is_float = true },
    [PTX_BF16] = { .name = "bf16", .bytes = 2, .is_float = true },
    [PTX_E4M3X2] = { .name = "e4m3x2", .bytes = 2, .is_float = true },
    [PTX_E5M2X2] = { .name = "e5m2x2", .bytes = 2, .is_float = true },
    [PTX_B32] = { .name = "b32", .bytes = 4 },
    [PTX_U32] = { .name = "u32", .bytes = 4 },
    [PTX_S32] = { .name = "s32", .bytes = 4, .is_signed = true },
    [PTX_F32] = { .name = "f32", .bytes = 4, .is_float = true },
    [PTX_TF32] = { .name = "tf32", .bytes = 4, .is_float = true },
    [PTX_F16X2] = { .name = "f16x2", .bytes = 4, .is_float = true },
    [PTX_BF16X2] = { .name = "bf16x2", .bytes = 4, .is_float = true },
    [PTX_B64] = { .name = "b64", .bytes = 8 },
    [PTX_U64] = { .name = "u64", .bytes = 8 },
    [PTX_S64] = { .name = "s64", .bytes = 8, .is_signed = true },
    [PTX_F64] = { .name = "f64", .bytes = 8, .is_float = true },
    [PTX_B128] = { .name = "b128", .bytes = 16 },
    [PTX_E4M3] = { .name = "e4m3", .bytes = 1, .is_float = true },
    [PTX_E5M2] = { .name = "e5m2", .bytes = 1, .is_float = true },
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
