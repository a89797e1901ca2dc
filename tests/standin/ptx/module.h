/** @file
 * A parsed module, ready to execute. Internal to the interpreter.
 *
 * Operands are numbers of values in one of four banks, each value 32 lanes wide: registers of the
 * function, constants of the module, special registers of the warp, and symbols (addresses that
 * are known only when a kernel is launched).
 */
#ifndef KVSPAN_STANDIN_PTX_MODULE_H
#define KVSPAN_STANDIN_PTX_MODULE_H

#include "standin/ptx/ptx.h"
#include "standin/ptx/value.h"

typedef struct ptx_instruction ptx_instruction;
typedef struct ptx_kernel ptx_function;
typedef struct ptx_warp ptx_warp;

typedef uint32_t ptx_value; /* bank in the upper 2 bits, index below */

typedef enum ptx_bank {
    PTX_BANK_REGISTERS,
    PTX_BANK_CONSTANTS,
    PTX_BANK_SPECIALS,
    PTX_BANK_SYMBOLS,
    PTX_BANKS
} ptx_bank;

enum {
    PTX_BANK_SHIFT = 30,
    PTX_SINK = 0,  /* the register that `_` names */
    PTX_CARRY = 1, /* the register of .cc */
    PTX_FIRST_REGISTER = 2,
    PTX_MAX_DESTINATIONS = 8,
    PTX_MAX_SOURCES = 16
};

static inline ptx_value ptx_value_in(ptx_bank bank, uint32_t index)
{
    return (ptx_value)((uint32_t)bank << PTX_BANK_SHIFT | index);
}

typedef enum ptx_space {
    PTX_GENERIC,
    PTX_GLOBAL,
    PTX_SHARED,
    PTX_LOCAL,
    PTX_PARAMETER,
    PTX_CONSTANT
} ptx_space;

/* How an instruction takes part in the flow of its warp. */
typedef enum ptx_flow {
    PTX_FLOW_NONE,
    PTX_FLOW_BRANCH,
    PTX_FLOW_BRANCH_INDEXED,
    PTX_FLOW_CALL,
    PTX_FLOW_RETURN,
    PTX_FLOW_EXIT,
    PTX_FLOW_ALIGNED, /* all live lanes have to come together */
    PTX_FLOW_MASKED,  /* the lanes that a member mask names do */
    PTX_FLOW_BARRIER
} ptx_flow;

/* Executes one instruction for `lanes`, which are not empty. */
typedef void (*ptx_execute)(ptx_warp *warp, const ptx_instruction *instruction, uint32_t lanes);

enum {
    PTX_FLAG_SATURATE = 1,
    PTX_FLAG_FLUSH = 2, /* .ftz */
    PTX_FLAG_NAN = 4,   /* .NaN of min and max */
    PTX_FLAG_RELU = 8,
    PTX_FLAG_NEGATED = 16, /* the predicate source after `!` */
    PTX_FLAG_TRANSPOSED = 32,
    PTX_FLAG_XOR_SIGN = 64,
    PTX_FLAG_ACQUIRES = 128,
    PTX_FLAG_RELEASES = 256,
    PTX_FLAG_FINITE = 512, /* .satfinite */
    PTX_FLAG_CARRY_IN = 1024,
    PTX_FLAG_CARRY_OUT = 2048,
    PTX_FLAG_ATOMIC = 4096, /* a load or store that other threads may see at any time */
    PTX_FLAG_STORE = 8192
};

typedef struct ptx_source_place {
    uint32_t file; /* as .file numbers them; 0 = none */
    uint32_t line;
} ptx_source_place;

struct ptx_instruction {
    ptx_execute execute;
    ptx_flow flow;
    ptx_value guard; /* PTX_SINK: executed always */
    bool guard_is_negated;
    uint8_t type;      /* ptx_type of the result or of what is compared */
    uint8_t from_type; /* of the source, where it differs */
    uint8_t space;
    uint8_t variant; /* what the family of the instruction says */
    uint8_t rounding;
    uint8_t destination_count;
    uint8_t source_count;
    uint32_t flags;
    ptx_value destinations[PTX_MAX_DESTINATIONS];
    ptx_value sources[PTX_MAX_SOURCES];
    int64_t offset;        /* added to the address */
    int64_t second_offset; /* of instructions with two addresses */
    int64_t third_offset;
    uint32_t target; /* pc, or index of the module's calls or branch tables */
    uint32_t line;   /* of the PTX */
    ptx_source_place source;
};

/* What is moved into and out of a called function. */
typedef struct ptx_parameter {
    char *name;
    uint32_t bytes;
    uint32_t offset; /* of a kernel: in the parameters; else in the local memory of the frame */
} ptx_parameter;

typedef struct ptx_call {
    const ptx_function *callee;    /* NULL: by the address in the instruction's first source */
    uint32_t argument_offsets[64]; /* in the caller's frame */
    uint32_t argument_bytes[64];
    uint32_t argument_count;
    uint32_t result_offset;
    uint32_t result_bytes; /* 0: none */
} ptx_call;

typedef struct ptx_branch_table {
    uint32_t *targets;
    uint32_t count;
} ptx_branch_table;

typedef struct ptx_relocation { /* the address of a variable inside of an initial value */
    size_t offset;
    uint32_t symbol;
} ptx_relocation;

typedef struct ptx_symbol {
    char *name;
    ptx_space space; /* GLOBAL, CONSTANT or SHARED */
    size_t bytes;
    uint32_t alignment;
    bool is_dynamic; /* shared, of open length */
    uint8_t *initial;
    ptx_relocation *relocations;
    uint32_t relocation_count;
    void *storage;
} ptx_symbol;

struct ptx_kernel {
    char *name;
    uint32_t index; /* in the module */
    bool is_entry;
    bool has_body;
    ptx_parameter *parameters;
    uint32_t parameter_count;
    uint32_t parameter_bytes;
    ptx_parameter result;
    ptx_instruction *instructions;
    uint32_t instruction_count;
    uint32_t register_count;
    uint32_t local_bytes;
    uint32_t *used_symbols;
    uint32_t used_symbol_count;
    uint32_t *callees; /* indices of functions */
    uint32_t callee_count;
    bool calls_by_address;
    uint32_t max_threads;
    uint32_t static_shared_bytes;
    char problem[PTX_TEXT_BYTES]; /* why it cannot be executed; "" = it can */
};

struct ptx_module {
    ptx_function **functions;
    uint32_t function_count;
    ptx_symbol *symbols;
    uint32_t symbol_count;
    uint32_t *variables; /* symbols that are .global or .const */
    uint32_t variable_count;
    uint64_t (*constants)[PTX_LANES];
    uint32_t constant_count;
    uint32_t *constant_slots; /* open hash table of indices + 1 */
    uint32_t constant_slot_count;
    ptx_call *calls;
    uint32_t call_count;
    ptx_branch_table *branch_tables;
    uint32_t branch_table_count;
    char **files; /* by their number */
    uint32_t file_count;
};

/* Functions have addresses so that they can be called by one. */
#define PTX_FUNCTION_BASE 0x4000000000000000ull

ptx_function *ptx_module_function(ptx_module *module, const char *name, size_t length);
ptx_value ptx_module_constant(ptx_module *module, uint64_t bits);

/* Which functions a kernel can reach, itself included: `reached` [function_count] becomes true. */
void ptx_kernel_reach(const ptx_module *module, const ptx_function *kernel, bool *reached);

/* Where the shared variables of a kernel lie: `offsets` [symbol_count] is set for those it can
 * reach, others are left. Returns the bytes of the static ones. */
uint32_t ptx_kernel_shared_layout(const ptx_module *module, const ptx_function *kernel,
                                  uint64_t *offsets);

#endif
