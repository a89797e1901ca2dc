#include "standin/ptx/builders.h"

static const struct {
    const char *name;
    ptx_build build;
} builders[] = {
    { "abs", ptx_build_arithmetic },    { "activemask", ptx_build_activemask },
    { "add", ptx_build_arithmetic },    { "addc", ptx_build_carry },
    { "and", ptx_build_logic },         { "applypriority", ptx_build_nothing },
    { "atom", ptx_build_atomic },       { "bar", ptx_build_barrier },
    { "barrier", ptx_build_barrier },   { "bfe", ptx_build_bit_field },
    { "bfi", ptx_build_bit_field },     { "bfind", ptx_build_bit_count },
    { "bmsk", ptx_build_bit_field },    { "bra", ptx_build_bra },
    { "brev", ptx_build_bit_count },    { "brkpt", ptx_build_end },
    { "brx", ptx_build_brx },           { "call", ptx_build_call },
    { "clz", ptx_build_bit_count },     { "cnot", ptx_build_logic },
    { "copysign", ptx_build_copysign }, { "cos", ptx_build_function },
    { "cp", ptx_build_copy },           { "createpolicy", ptx_build_nothing },
    { "cvt", ptx_build_cvt },           { "cvta", ptx_build_cvta },
    { "discard", ptx_build_nothing },   { "div", ptx_build_arithmetic },
    { "dp2a", ptx_build_dot_product },  { "dp4a", ptx_build_dot_product },
    { "elect", ptx_build_elect },       { "ex2", ptx_build_function },
    { "exit", ptx_build_end },          { "fence", ptx_build_fence },
    { "fma", ptx_build_arithmetic },    { "griddepcontrol", ptx_build_nothing },
    { "isspacep", ptx_build_isspacep }, { "ld", ptx_build_load },
    { "ldmatrix", ptx_build_ldmatrix }, { "ldu", ptx_build_load },
    { "lg2", ptx_build_function },      { "lop3", ptx_build_lop3 },
    { "mad", ptx_build_multiply_add },  { "mad24", ptx_build_multiply_add },
    { "madc", ptx_build_carry },        { "mapa", ptx_build_mapa },
    { "match", ptx_build_match },       { "max", ptx_build_arithmetic },
    { "mbarrier", ptx_build_mbarrier }, { "membar", ptx_build_fence },
    { "min", ptx_build_arithmetic },    { "mma", ptx_build_mma },
    { "mov", ptx_build_mov },           { "mul", ptx_build_multiply },
    { "mul24", ptx_build_multiply },    { "nanosleep", ptx_build_nothing },
    { "neg", ptx_build_arithmetic },    { "not", ptx_build_logic },
    { "or", ptx_build_logic },          { "pmevent", ptx_build_nothing },
    { "popc", ptx_build_bit_count },    { "prefetch", ptx_build_nothing },
    { "prefetchu", ptx_build_nothing }, { "prmt", ptx_build_prmt },
    { "rcp", ptx_build_function },      { "red", ptx_build_atomic },
    { "redux", ptx_build_redux },       { "rem", ptx_build_remainder },
    { "ret", ptx_build_end },           { "rsqrt", ptx_build_function },
    { "sad", ptx_build_sad },           { "selp", ptx_build_selp },
    { "set", ptx_build_set },           { "setmaxnreg", ptx_build_nothing },
    { "setp", ptx_build_setp },         { "shf", ptx_build_funnel_shift },
    { "shfl", ptx_build_shuffle },      { "shl", ptx_build_shift },
    { "shr", ptx_build_shift },         { "sin", ptx_build_function },
    { "slct", ptx_build_slct },         { "sqrt", ptx_build_function },
    { "st", ptx_build_store },          { "stmatrix", ptx_build_stmatrix },
    { "sub", ptx_build_arithmetic },    { "subc", ptx_build_carry },
    { "tanh", ptx_build_function },     { "testp", ptx_build_testp },
    { "trap", ptx_build_end },          { "vote", ptx_build_vote },
    { "xor", ptx_build_logic },
};

ptx_build ptx_build_named(const char *name)
{
    for (size_t i = 0; i < sizeof builders / sizeof *builders; ++i) {
        if (strcmp(builders[i].name, name) == 0) {
            return builders[i].build;
        }
    }
    return NULL;
}
