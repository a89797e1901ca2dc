"""libkvspan for Python, as far as the comparisons in this folder need it: one rank, one layer."""
import ctypes as c

BF16, I8 = 1, 6
ISAS = {"best": 0, "avx2": 1, "avx512": 2, "avx512_vnni": 3, "avx512_bf16": 4, "amx": 5}


class Error(c.Structure):
    _fields_ = [("status", c.c_int), ("rank", c.c_int32), ("epoch", c.c_uint64), ("native", c.c_int32),
                ("message", c.c_char * 236)]


class Plane(c.Structure):
    _fields_ = [("role", c.c_int), ("heads", c.c_uint32), ("dim", c.c_uint32), ("dtype", c.c_int),
                ("scale_tokens", c.c_uint32)]


class LayerGroup(c.Structure):
    _fields_ = [("first_layer", c.c_uint32), ("layer_count", c.c_uint32), ("layer_step", c.c_uint32),
                ("layers", c.c_void_p), ("q_heads", c.c_uint32), ("window_tokens", c.c_uint32),
                ("sink_tokens", c.c_uint32), ("plane_count", c.c_uint32), ("planes", Plane * 4)]


class CacheConfig(c.Structure):
    _fields_ = [("size", c.c_size_t), ("group_count", c.c_uint32), ("groups", c.POINTER(LayerGroup)),
                ("page_tokens", c.c_uint32), ("slot_count", c.c_uint32),
                ("max_sequence_tokens", c.c_uint64), ("max_step_rows", c.c_uint32),
                ("max_step_tokens", c.c_uint32), ("max_payload_bytes", c.c_uint32),
                ("page_count", c.c_uint32), ("memory_limit_bytes", c.c_uint64),
                ("memory_utilization", c.c_double), ("arena_bytes", c.c_uint64), ("layout", c.c_uint32),
                ("heads_policy", c.c_uint32), ("mesh", c.c_char_p), ("partition_axis", c.c_char_p),
                ("control", c.c_uint32), ("coordinator", c.c_uint32), ("run_ahead_steps", c.c_uint32),
                ("deadline_ms", c.c_uint32), ("flags", c.c_uint32)]


class LedgerConfig(c.Structure):
    _fields_ = [("size", c.c_size_t), ("group_count", c.c_uint32), ("page_count", c.c_uint32),
                ("slot_count", c.c_uint32), ("page_tokens", c.c_uint32), ("token_members", c.c_uint32),
                ("max_step_rows", c.c_uint32), ("max_step_tokens", c.c_uint32),
                ("max_payload_bytes", c.c_uint32), ("max_sequence_tokens", c.c_uint64),
                ("group_windows", c.c_uint32 * 16)]


class SequenceConfig(c.Structure):
    _fields_ = [("size", c.c_size_t), ("tag", c.c_uint64), ("tokens", c.c_void_p),
                ("token_count", c.c_uint64), ("name_space", c.c_void_p),
                ("name_space_bytes", c.c_size_t), ("flags", c.c_uint32), ("priority", c.c_int32)]


class CpuConfig(c.Structure):
    _fields_ = [("size", c.c_size_t), ("thread_count", c.c_uint32), ("isa", c.c_uint32)]


class DeviceDescription(c.Structure):
    _fields_ = [("name", c.c_char_p), ("isa", c.c_char_p), ("thread_count", c.c_uint32)]


class Tensor(c.Structure):
    _fields_ = [("data", c.c_void_p), ("dtype", c.c_int), ("heads", c.c_uint32), ("dim", c.c_uint32),
                ("tokens", c.c_uint64), ("token_stride", c.c_int64), ("head_stride", c.c_int64)]


class Attention(c.Structure):
    _fields_ = [("size", c.c_size_t), ("scale", c.c_float), ("soft_cap", c.c_float),
                ("sink_logits", c.c_void_p), ("q_heads", c.c_int), ("out_heads", c.c_int),
                ("out_tokens", c.c_int), ("lse_out", c.c_void_p)]


class StepView(c.Structure):
    _fields_ = [("epoch", c.c_uint64), ("row_count", c.c_uint32), ("token_count", c.c_uint32),
                ("rows", c.c_void_p), ("row_starts", c.c_void_p), ("row_slots", c.c_void_p),
                ("positions", c.c_void_p), ("payload", c.c_void_p), ("payload_bytes", c.c_size_t)]


def load(path):
    library = c.CDLL(path)
    library.kvspan_device_describe.restype = DeviceDescription
    library.kvspan_cache_ledger.restype = c.c_void_p
    return library


class Failure(Exception):
    pass


class Caller:
    """Calls functions that return a status and take an error last; raises what they say."""

    def __init__(self, library):
        self.library = library

    def __getattr__(self, name):
        function = getattr(self.library, "kvspan_" + name)

        def call(*arguments):
            error = Error()
            if function(*arguments, c.byref(error)) != 0:
                raise Failure(f"kvspan_{name}: {error.message.decode()}")

        return call


def tensor_of(t):
    """A torch tensor [token][head][dim] of bfloat16."""
    return Tensor(t.data_ptr(), BF16, t.shape[1], t.shape[2], t.shape[0], t.stride(0), t.stride(1))


class Cache:
    """One layer with its sequences' contexts in pages, and the step of their new tokens begun."""

    def __init__(self, library, q_heads, kv_heads, dim, page_tokens, contexts, new_tokens, threads, isa,
                 dtype=BF16):
        self.library, self.call = library, Caller(library)
        self.device, self.cache = c.c_void_p(), c.c_void_p()
        self.contexts, self.new_tokens = contexts, new_tokens
        cpu = CpuConfig(c.sizeof(CpuConfig), threads, ISAS[isa])
        self.call.device_open_cpu(c.byref(cpu), c.byref(self.device))
        scale_tokens = 1 if dtype == I8 else 0
        planes = (Plane * 4)(Plane(1, kv_heads, dim, dtype, scale_tokens),
                             Plane(2, kv_heads, dim, dtype, scale_tokens))
        self.group = LayerGroup(layer_count=1, q_heads=q_heads, plane_count=2, planes=planes)
        pages = 1 + sum((n + new_tokens + page_tokens - 1) // page_tokens for n in contexts)
        config = CacheConfig(size=c.sizeof(CacheConfig), group_count=1, groups=c.pointer(self.group),
                             page_tokens=page_tokens, slot_count=len(contexts),
                             max_sequence_tokens=max(contexts) + new_tokens,
                             max_step_tokens=max(2048, new_tokens * len(contexts)), page_count=pages)
        self.call.cache_create(c.byref(config), self.device, None, c.byref(self.cache))
        self.ledger = c.c_void_p(library.kvspan_cache_ledger(self.cache))
        self.sequences = []
        for tag in range(len(contexts)):
            sequence = c.c_uint64()
            settings = SequenceConfig(size=c.sizeof(SequenceConfig), tag=tag)
            self.call.sequence_create(self.ledger, c.byref(settings), c.byref(sequence), None)
            self.sequences.append(sequence)

    def describe(self):
        description = self.library.kvspan_device_describe(self.device)
        return description.isa.decode(), description.thread_count

    def _begin(self, rows):
        step, view = c.c_void_p(), StepView()
        self.call.step_open(self.ledger, c.byref(step))
        for index, tokens in rows:
            self.call.step_add(step, self.sequences[index], c.c_uint32(tokens), None)
        self.call.step_begin(self.cache, step, None, c.c_uint32(10000), c.byref(view))

    def _append(self, k, v):
        planes = (Tensor * 2)(tensor_of(k), tensor_of(v))
        self.call.cache_append(self.cache, c.c_uint32(0), planes, None)

    def fill(self, keys, values):
        """keys[i], values[i]: [contexts[i] + new_tokens][kv head][dim] of sequence i."""
        for index, tokens in enumerate(self.contexts):
            for first in range(0, tokens, 2048):
                last = min(first + 2048, tokens)
                self._begin([(index, last - first)])
                self._append(keys[index][first:last], values[index][first:last])
                self.call.step_end(self.cache, None)
        self._begin([(index, self.new_tokens) for index in range(len(self.contexts))])
        import torch
        self._append(torch.cat([k[n:] for k, n in zip(keys, self.contexts)]).contiguous(),
                     torch.cat([v[n:] for v, n in zip(values, self.contexts)]).contiguous())

    def prepare(self, q, out):
        self.q, self.out = tensor_of(q), tensor_of(out)
        self.attention = Attention(size=c.sizeof(Attention))

    def attend(self):
        self.call.cache_attend(self.cache, c.c_uint32(0), c.byref(self.q), c.byref(self.attention),
                               c.byref(self.out), None)

    def close(self):
        self.library.kvspan_cache_destroy(self.cache)
        self.library.kvspan_device_close(self.device)


class Ledger:
    """Pages and sequences without a cache."""

    def __init__(self, library, page_count, page_tokens, slot_count, max_tokens):
        self.library, self.call, self.ledger = library, Caller(library), c.c_void_p()
        config = LedgerConfig(size=c.sizeof(LedgerConfig), page_count=page_count, slot_count=slot_count,
                              page_tokens=page_tokens, max_step_tokens=max_tokens,
                              max_sequence_tokens=max_tokens)
        self.call.ledger_create(c.byref(config), c.byref(self.ledger))

    def take_and_give(self, tokens):
        """One sequence comes, appends, and goes."""
        sequence, step = c.c_uint64(), c.c_void_p()
        settings = SequenceConfig(size=c.sizeof(SequenceConfig))
        self.call.sequence_create(self.ledger, c.byref(settings), c.byref(sequence), None)
        self.call.step_open(self.ledger, c.byref(step))
        self.call.step_add(step, sequence, c.c_uint32(tokens), None)
        self.call.step_rehearse(step)
        self.call.sequence_free(self.ledger, sequence)

    def close(self):
        self.library.kvspan_ledger_destroy(self.ledger)


class PrefixKeys:
    """The keys of a prompt's full pages."""

    def __init__(self, library, tokens, page_tokens):
        self.call, self.page_tokens = Caller(library), page_tokens
        self.tokens = (c.c_uint32 * len(tokens))(*tokens)
        self.keys = (c.c_uint64 * (2 * (len(tokens) // page_tokens)))()

    def compute(self):
        self.call.prefix_keys(None, self.tokens, c.c_uint64(len(self.tokens)), c.c_uint32(self.page_tokens),
                              self.keys)

    def distinct(self):
        return len(set(zip(self.keys[0::2], self.keys[1::2])))
