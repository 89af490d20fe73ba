#!/usr/bin/python3
"""Fits the constants of models/kernels/families/*.json to the tables in this folder.

    python3 tests/measured/fit_kernels.py            # rewrites the families in place, prints the errors

The laws are those of models/kernels/gemm.cpp, attention.cpp and decode_attention.cpp, written once more with
numpy; a test compares the two through the errors kept in the files. Only single kernels of 100 us or more are
fitted (of decoding, which has few so long, of 20 us), by the mean of sqrt(r^2 + 0.01^2), r the logarithm of model
over measurement; a table weighs by the square root of its rows, so that a large one does not silence a small one of
the same kernels. Whole shapes are held out: the distinct (n, k) of all products that share constants, (tokens,
heads) of all attention that does, (experts, rows) and (sequences, tokens) of decoding, in ascending order, every
second one. Texts, sources and traffic classes in the files are kept.
"""
import csv
import json
import pathlib
import sys

import numpy as np
from scipy.optimize import minimize

here = pathlib.Path(__file__).resolve().parent
families = here.parent.parent / "models" / "kernels" / "families"
least_time = 100e-6


def held_shapes(tables, columns):
    """Every second distinct pair of these columns over all tables, in ascending order."""
    shapes = sorted({tuple(row) for rows in tables.values() for row in rows[:, columns]})
    return set(shapes[1::2])


def held_rows(rows, held, columns):
    return np.array([tuple(row) in held for row in rows[:, columns]])


def table(name):
    with open(here / name) as lines:
        return list(csv.DictReader(line for line in lines if not line.startswith("#")))


# ---------------------------------------------------------------- laws

gemm_names = ["launch_s", "tile_overhead_s", "tensor_share", "sustained_share", "hbm_share",
              "feed_bytes_per_s", "reread_share", "cast_launch_s", "cast_hbm_share"]
gemm_range = dict(tile_overhead_s=(0.05e-6, 6e-6), tensor_share=(0.3, 1), sustained_share=(0.3, 1),
                  hbm_share=(0.3, 0.95), feed_bytes_per_s=(20e9, 400e9), reread_share=(0, 1),
                  cast_launch_s=(1e-6, 20e-6), cast_hbm_share=(0.1, 0.95))
attention_names = ["launch_s", "tile_overhead_s", "tensor_share", "sustained_share", "hbm_share",
                   "tail_share"]
attention_range = dict(launch_s=(0.5e-6, 30e-6), tile_overhead_s=(0.05e-6, 12e-6), tensor_share=(0.2, 1),
                       sustained_share=(0.3, 1), hbm_share=(0.3, 0.95), tail_share=(0, 1))


decode_names = ["launch_s", "sequence_s", "hbm_share", "sustained_share"]
decode_range = dict(launch_s=(1e-6, 40e-6), sequence_s=(0, 1e-6), hbm_share=(0.3, 0.95))


def meet(limits, power):
    """Limits soften each other; power is harder than the others."""
    return np.sqrt(np.sqrt(np.sqrt(sum(limit**4 for limit in limits) ** 2 + power**8)))


def product_time(c, rows, peak, gpu, blocks, entry, operand, accumulate, beside):
    """rows: columns m, n, k, groups. `c`: values by name; `entry` has the tiles and fixed numbers."""
    m, n, k, g = rows.T
    rate = c["tensor_share"] * peak / gpu["multiprocessors"]
    bandwidth = c["hbm_share"] * gpu["hbm_bytes_per_s"]
    matrices = g if accumulate else np.ones_like(g)
    depth = np.ceil(k / matrices / entry["contraction_step"]) * entry["contraction_step"]
    power = 2 * m * n * k / (c["sustained_share"] * peak)
    written = entry["output_bytes"] * matrices * m * n / bandwidth
    best = np.full(len(m), np.inf)
    for rows_, columns in entry["tiles"]:
        area = rows_ * columns
        waves = np.ceil(np.ceil(m / rows_) * np.ceil(n / columns) * matrices / blocks)
        compute = waves * (c["tile_overhead_s"] * area / 16384 + 2 * area * depth / rate)
        once = operand * k * (m + (n if accumulate else g * n))
        again = operand * k * 2 * m * n / np.sqrt(blocks * area)
        memory = (once + c["reread_share"] * np.maximum(again - once, 0)) / bandwidth + written
        feed = waves * operand * depth * (rows_ + columns) / c["feed_bytes_per_s"]
        time = meet([compute, feed, memory], power)
        fits = (g == 1) | accumulate | (rows_ <= 128)
        best = np.where(fits, np.minimum(best, time), best)
    cast = 0
    if c["cast_hbm_share"] is not None:
        cast = c["cast_launch_s"] + 3 * m * k / (c["cast_hbm_share"] * gpu["hbm_bytes_per_s"])
    return beside * (c["launch_s"] + best) + cast


def attention_time(c, rows, gpu):
    """Forward, causal, as many queries as keys. rows: batch, tokens, heads, kv heads, qk dim, v dim, SMs."""
    b, s, h, kv, qk, v, blocks = rows.T
    rate = c["tensor_share"] * gpu["bf16_flop_per_s"] / gpu["multiprocessors"]
    across = np.ceil(s / 128)
    one = 2 * 128 * 128 * (qk + v) / rate
    total = b * h * across * ((across + 1) / 2 * one + c["tile_overhead_s"])
    longest = across * one + c["tile_overhead_s"]
    compute = np.maximum(total / blocks + c["tail_share"] * longest, longest)
    memory = 2 * b * s * (h + kv) * (qk + v) / (c["hbm_share"] * gpu["hbm_bytes_per_s"])
    power = b * h * s * s * (qk + v) / (c["sustained_share"] * gpu["bf16_flop_per_s"])
    return c["launch_s"] + meet([compute, memory], power)


def decode_time(c, rows, gpu):
    """One query a sequence, absorbed latent attention of DeepSeek-V3. rows: sequences, tokens of each."""
    keys = rows[:, 0] * rows[:, 1]
    memory = 2 * 576 * keys / (c["hbm_share"] * gpu["hbm_bytes_per_s"])
    power = 2 * keys * 128 * (576 + 512) / (c["sustained_share"] * gpu["bf16_flop_per_s"])
    return c["launch_s"] + rows[:, 0] * c["sequence_s"] + meet([memory], power)


# ---------------------------------------------------------------- fitting

def fit(law, names, ranges, fixed, time, weight, restarts=4):
    """Nelder-Mead in the logit of each range; `law` maps values by name to times."""
    free = [name for name in names if name not in fixed]

    def values(x):
        found = {n: ranges[n][0] + (ranges[n][1] - ranges[n][0]) / (1 + np.exp(-v)) for n, v in zip(free, x)}
        return {**fixed, **found}

    def loss(x):
        r = np.log(law(values(x)) / time)
        # The last term only stops drifts at the ends of a range.
        return np.average(np.sqrt(r * r + 1e-4), weights=weight) + 1e-6 * np.sum(x * x)

    random, best = np.random.default_rng(0), None
    for restart in range(restarts):
        x = np.zeros(len(free)) if best is None else np.clip(best.x, -5, 5) + random.normal(0, 0.7, len(free))
        found = minimize(loss, x, method="Nelder-Mead",
                         options=dict(maxiter=3000, maxfev=3000, xatol=1e-4, fatol=1e-7, adaptive=True))
        best = found if best is None or found.fun < best.fun else best
    return {n: v if v is None else float("%.4g" % v) for n, v in values(best.x).items()}


def report(family, name, what, error, held):
    """One line of the errors table of a family's file."""
    out = dict(table=name, what=what, fitted_rows=int((~held).sum()), held_out_rows=int(held.sum()))
    if (~held).any():
        out["fitted_percent"] = round(float(100 * np.abs(error[~held]).mean()), 2)
    if held.any():
        out["held_out_percent"] = round(float(100 * np.abs(error[held]).mean()), 2)
    print("%-20s %-32s %-18s fit %5s (%3d)  held out %5s (%3d)  worst %+.0f %+.0f %%" % (
        family, name, what, out.get("fitted_percent", "-"), out["fitted_rows"],
        out.get("held_out_percent", "-"), out["held_out_rows"], 100 * error.min(), 100 * error.max()))
    return out


# ---------------------------------------------------------------- tables: rows (m, n, k, groups) and seconds

def silicon_gemm(gpu, kind):
    rows = [[int(r["m"]), int(r["n"]), int(r["k"]), 1, float(r["latency"]) * 1e-3]
            for r in table(f"{gpu}_gemm.csv") if r["gemm_dtype"] == kind]
    return long_ones(rows)


def deep_dense():
    return long_ones([[int(r["m"]), int(r["n"]), int(r["k"]), 1, float(r["latency_us"]) * 1e-6]
                      for r in table("h800_fp8_gemm.csv")])


def deep_grouped():
    """The rows really multiplied lie about the nominal ones (the benchmark draws them); the table's own mfu
    times time gives their sum. Padding to 128 adds half a tile a group on average, a whole one where all
    fit."""
    rows = []
    for r in table("h800_grouped_gemm_prefill.csv"):
        groups, d, f = int(r["num_local_experts"]), int(r["hidden_size"]), int(r["intermediate_size"])
        for name, n, k in (("up", 2 * f, d), ("down", d, f)):
            time = float(r[name + "_proj_us"]) * 1e-6
            drawn = float(r[name + "_mfu"]) * 1979e12 * time / (2 * n * k)
            rows.append([np.ceil(max(drawn / groups + 64, 128) * groups), n, k, groups, time])
    return long_ones(rows)


def deep_masked():
    """Decoding with two experts or more on a GPU and up to 512 rows for each. The rows of single experts are
    not in the table: up to 48 on average all lie within one tile of 64; above, half a tile is added. Kernels
    of 20 us or more, as none is longer that matters; one row an expert leaves most experts empty and is left
    out."""
    rows = []
    for r in table("h800_grouped_gemm_decode.csv"):
        groups, each = int(r["num_local_experts"]), int(r["tokens_per_expert"])
        d, f = int(r["hidden_size"]), int(r["intermediate_size"])
        for name, n, k in (("up", 2 * f, d), ("down", d, f)):
            time = float(r[name + "_proj_us"]) * 1e-6
            if groups >= 2 and 2 <= each <= 512 and time >= 20e-6:
                rows.append([(64 if each <= 48 else each + 32) * groups, n, k, groups, each, time])
    return np.array(rows, float)


def mla_decode():
    return np.array([[int(r["batch_size"]), int(r["kv_len"]), float(r["latency_us"]) * 1e-6]
                     for r in table("h800_mla_decode.csv")])


def deep_first():
    rows = []
    for r in table("h800_deepgemm_first_release.csv"):
        g, m, n, k = (int(r[x]) for x in ("groups", "m_per_group", "n", "k"))
        rows.append([g * m, n, k, g, 2 * g * m * n * k / (float(r["tflops"]) * 1e12)])
    return long_ones(rows)


def cublas_fp16():
    return long_ones([[int(r["m"]), int(r["n"]), int(r["k"]), 1, float(r["ms"]) * 1e-3]
                      for r in table("a100_fp16_gemm.csv")])


def trace_gemm(kind):
    return long_ones([[int(r["m"]), int(r["n"]), int(r["k"]), int(r["groups"]), float(r["mean_us"]) * 1e-6]
                      for r in table("h800_trace_gemm.csv") if r["pass"] == kind])


def long_ones(rows):
    rows = np.array(rows, float)
    return rows[rows[:, -1] >= least_time]


def silicon_attention(gpu, blocks):
    sizes = ("batch_size", "isl", "num_heads", "num_key_value_heads", "head_dim", "head_dim")
    return long_ones([[int(r[size]) for size in sizes] + [blocks, float(r["latency"]) * 1e-3]
                      for r in table(f"{gpu}_attention_forward.csv")])


def h100_mla(which):
    """The table holds every shape twice without saying why: the first of each agrees with FlashAttention-3
    on H800, the second is slower for short and faster for long sequences (0.72 of the BF16 peak), as FP8 keys
    and values would be. The first is fitted."""
    seen, rows = {}, []
    for r in table("h100_mla_prefill.csv"):
        key = (r["num_heads"], r["batch_size"], r["isl"])
        seen[key] = seen.get(key, -1) + 1
        if seen[key] == which:
            b, s, h = (int(r[size]) for size in ("batch_size", "isl", "num_heads"))
            rows.append([b, s, h, h, 192, 128, 132, float(r["latency"]) * 1e-3])
    return long_ones(rows)


def flash_3():
    rows = [[1, int(r["seq_len"]), 128, 128, 192, 128, 132, float(r["latency_us"]) * 1e-6]
            for r in table("h800_mla_prefill.csv")]
    trace = next(r for r in table("h800_trace_attention.csv") if r["kernel"] == "forward")
    return long_ones(rows + [[1, 4096, 128, 128, 192, 128, 112, float(trace["mean_us"]) * 1e-6]])


# ---------------------------------------------------------------- families

def kept_rows(tables, columns):
    """Rows to fit of all tables together, and their weights."""
    held = held_shapes(tables, columns)
    kept = [rows[~held_rows(rows, held, columns)] for rows in tables.values()]
    return np.vstack(kept), np.concatenate([np.full(len(rows), len(rows) ** -0.5) for rows in kept])


product_shape, attention_shape = [1, 2], [1, 2]  # Columns n, k; tokens, heads.


def fit_gemm(family, fp8, names, tables, fixed, beside=1.0):
    """Fits one entry, or several that share the constants; `tables`: name -> rows."""
    gpu, entry = family["fitted_on"], family["gemm"][names[0]]
    peak = gpu["fp8_flop_per_s" if fp8 else "bf16_flop_per_s"]
    accumulate = names[0].endswith("accumulate")
    blocks = gpu["multiprocessors"] - family["reserved_multiprocessors"]

    def law(c, rows):
        return product_time(c, rows[:, :4], peak, gpu, blocks, entry, 1 if fp8 else 2, accumulate, beside)

    kept, weight = kept_rows(tables, product_shape)
    c = fit(lambda v: law(v, kept), gemm_names, gemm_range, fixed, kept[:, 4], weight)
    for name in names:
        for key in gemm_names:
            if key != "cast_hbm_share":
                family["gemm"][name][key] = c[key]
    if c["cast_hbm_share"] is not None:
        family["traffic"]["cast_token"]["hbm_share"] = c["cast_hbm_share"]
    print("    ", names[0], {k: v for k, v in c.items() if k not in fixed})
    return c, law


def errors_of(family, label, c, law, tables, what, columns, unfitted=None):
    held = held_shapes(tables, columns)
    out = {name: held_rows(rows, held, columns) for name, rows in tables.items()}
    out.update({name: np.ones(len(rows), bool) for name, rows in (unfitted or {}).items()})
    for name, rows in {**tables, **(unfitted or {})}.items():
        family["errors"].append(report(label, name, what, law(c, rows) / rows[:, -1] - 1, out[name]))


def fit_attention(family, label, key, tables, fixed):
    gpu = family["fitted_on"]
    kept, weight = kept_rows(tables, attention_shape)
    law = lambda v, r: attention_time(v, r[:, :7], gpu)
    c = fit(lambda v: law(v, kept), attention_names, attention_range, fixed, kept[:, 7], weight)
    family["attention"][key].update(c)
    print("    ", key, {k: v for k, v in c.items() if k not in fixed})
    errors_of(family, label, c, law, tables, "attention " + key, attention_shape)


# The start of a kernel and the first fill of its pipeline do not show in rows of 100 us: taken as 3 us.
gemm_start = dict(launch_s=3e-6)
no_cast = dict(cast_launch_s=0.0, cast_hbm_share=None)


def fit_silicon(label, family):
    gpu = family["fitted_on"]["gpu"].split("-")[0].lower()
    tables = {f"{gpu}_gemm.csv": silicon_gemm(gpu, "bfloat16")}
    if gpu == "a100":
        tables["a100_fp16_gemm.csv"] = cublas_fp16()
    bf16 = ["bf16_product", "bf16_accumulate"]
    c, law = fit_gemm(family, False, bf16, tables, {**gemm_start, **no_cast})
    errors_of(family, label, c, law, tables, "bf16_product", product_shape)
    if "fp8_product" in family["gemm"]:
        kind = "fp8_block" if label.endswith("block") else "fp8"
        tables = {f"{gpu}_gemm.csv": silicon_gemm(gpu, kind)}
        c, law = fit_gemm(family, True, ["fp8_product", "fp8_accumulate"], tables, gemm_start)
        errors_of(family, label, c, law, tables, kind + "_product", product_shape)
    blocks = family["fitted_on"]["multiprocessors"]
    tables = {f"{gpu}_attention_forward.csv": silicon_attention(gpu, blocks)}
    fit_attention(family, label, "forward", tables, {})
    if gpu == "h100":
        fit_attention(family, label, "forward_latent", {"h100_mla_prefill.csv": h100_mla(0)}, {})
    # Backward: constants of forward, the main loop slower by the published ratio (see "assumption").
    forward, backward = family["attention"]["forward"], family["attention"]["backward"]
    backward.update({name: forward[name] for name in attention_names})
    backward["tensor_share"] = round(forward["tensor_share"] * 0.86, 4)


def fit_flash_3(label, family, sustained):
    """FlashAttention-3 on H800: few rows, so two constants are fitted. Launch as for products, memory the
    aggregate of the trace, half a block to wait at the end, the power limit of the same chip's MLA table."""
    fixed = dict(launch_s=3e-6, hbm_share=0.74, tail_share=0.5, sustained_share=sustained)
    tables = {"h800_mla_prefill.csv, h800_trace_attention.csv": flash_3()}
    fit_attention(family, label, "forward", tables, fixed)
    # Backward: one kernel, so one constant: the share that gives the trace's time on 112 multiprocessors. The
    # widths enter as their sum, 3 qk + 2 v, and twice the forward's memory.
    gpu, forward = family["fitted_on"], family["attention"]["forward"]
    traced = {r["kernel"]: float(r["mean_us"]) * 1e-6 for r in table("h800_trace_attention.csv")}
    row = np.array([[1, 4096, 128, 128, 3 * 192 + 2 * 128, 0, 112]], float)
    low, high = 0.2, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        slow = attention_time({**forward, "tensor_share": middle}, row, gpu)[0] > traced["backward"]
        low, high = (middle, high) if slow else (low, middle)
    family["attention"]["backward"].update({name: forward[name] for name in attention_names})
    family["attention"]["backward"]["tensor_share"] = round(low, 4)


def fit_deepgemm(label, family, sustained):
    dense, grouped = deep_dense(), deep_grouped()
    tables = {"h800_fp8_gemm.csv": dense, "h800_grouped_gemm_prefill.csv": grouped}
    c, law = fit_gemm(family, True, ["fp8_product", "fp8_accumulate"], tables, {**gemm_start, **no_cast})
    unfitted = {"h800_deepgemm_first_release.csv": deep_first()}
    errors_of(family, label, c, law, tables, "fp8_product", product_shape, unfitted)
    # Accumulation: no table; the main loop slower by the trace's ratio of accumulate to product, 3.30 / 4.55.
    family["gemm"]["fp8_accumulate"]["tensor_share"] = round(c["tensor_share"] * 3.30 / 4.55, 4)
    family["gemm"]["fp8_accumulate"]["sustained_share"] = round(c["sustained_share"] * 3.30 / 4.55, 4)
    fit_flash_3(label, family, sustained)


def fit_decode(label, family, sustained):
    """Kernels of decoding: masked groups, held out by (experts, rows of each), and attention against a cache,
    by (sequences, tokens). Whole pairs; other limits of power stay as they are."""
    gpu, entry = family["fitted_on"], family["gemm"]["fp8_masked"]
    rows = deep_masked()
    held = held_rows(rows, held_shapes({"": rows}, [3, 4]), [3, 4])

    def law(c, r):
        return product_time(c, r[:, :4], gpu["fp8_flop_per_s"], gpu, gpu["multiprocessors"], entry, 1, False, 1)

    fixed = dict(sustained_share=family["gemm"]["fp8_product"]["sustained_share"], **no_cast)
    ranges = dict(gemm_range, launch_s=(1e-6, 20e-6))
    c = fit(lambda v: law(v, rows[~held]), gemm_names, ranges, fixed, rows[~held, 5], np.ones((~held).sum()))
    entry.update({key: c[key] for key in gemm_names if key != "cast_hbm_share"})
    print("     fp8_masked", {k: v for k, v in c.items() if k not in fixed})
    error = law(c, rows) / rows[:, 5] - 1
    family["errors"].append(report(label, "h800_grouped_gemm_decode.csv", "fp8_masked", error, held))
    rows = mla_decode()
    held = held_rows(rows, held_shapes({"": rows}, [0, 1]), [0, 1])
    c = fit(lambda v: decode_time(v, rows[~held], gpu), decode_names, decode_range,
            dict(sustained_share=sustained), rows[~held, 2], np.ones((~held).sum()))
    family["attention"]["decode"] = c
    print("     decode", c)
    error = decode_time(c, rows, gpu) / rows[:, 2] - 1
    family["errors"].append(report(label, "h800_mla_decode.csv", "attention decode", error, held))


# Share of the trace's span beside a transfer and beside a barrier.
beside_transfer, beside_barrier = 0.624, 0.253


def fit_trace(label, family, sustained):
    # Memory and power do not show in this table: HBM's share is the aggregate of the trace's memory-bound
    # kernels, power and the operand feed are left where they do not matter.
    fixed = dict(sustained_share=1.0, hbm_share=0.74, feed_bytes_per_s=1e12, reread_share=0.0, **gemm_start,
                 **no_cast)
    for kind in ("product", "accumulate"):
        nothing, barrier, transfer = family["gemm"]["fp8_" + kind]["beside_nothing_barrier_transfer"]
        mean = nothing + beside_transfer * (transfer - nothing) + beside_barrier * (barrier - nothing)
        tables = {"h800_trace_gemm.csv": trace_gemm(kind)}
        c, law = fit_gemm(family, True, ["fp8_" + kind], tables, fixed, beside=mean)
        errors_of(family, label, c, law, tables, "fp8_" + kind, product_shape)
    fit_flash_3(label, family, sustained)


def main():
    loaded = {path.stem: json.loads(path.read_text()) for path in sorted(families.glob("*.json"))}
    for family in loaded.values():
        family["errors"] = []
    for label, family in loaded.items():
        if label.startswith("cublas"):
            fit_silicon(label, family)
    h100 = loaded["cublas_h100"]
    sustained = h100["attention"]["forward_latent"]["sustained_share"]
    fit_deepgemm("deepgemm", loaded["deepgemm"], sustained)
    fit_decode("deepgemm", loaded["deepgemm"], sustained)
    fit_trace("dualpipe_trace", loaded["dualpipe_trace"], sustained)
    # H800 is H100 with another NVLink: its BF16 products are cuBLAS's on H100.
    for label in ("dualpipe_trace", "deepgemm"):
        for name in ("bf16_product", "bf16_accumulate"):
            source = h100["gemm"][name]
            loaded[label]["gemm"][name].update({key: source[key] for key in gemm_names if key in source})
    for label, family in loaded.items():
        (families / f"{label}.json").write_text(dump(family) + "\n")


def dump(value, indent=0):
    """JSON with one line for every object that holds no object."""
    flat = json.dumps(value, ensure_ascii=False)
    if isinstance(value, dict):
        nested = any(isinstance(item, dict) for item in value.values())
        if not nested and len(flat) + indent <= 108:
            return flat
        items = [f"{json.dumps(key)}: {dump(item, indent + 2)}" for key, item in value.items()]
        open_, close = "{", "}"
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        items = [dump(item, indent + 2) for item in value]
        open_, close = "[", "]"
    else:
        return flat
    lines = ",\n".join(" " * (indent + 2) + item for item in items)
    return f"{open_}\n{lines}\n{' ' * indent}{close}"


if __name__ == "__main__":
    sys.exit(main())
