#!/usr/bin/env python3
"""Writes docs/benchmarks from what the peers' harness measured: tables and a plot for each precision.

    scripts/benchmark_report.py RESULTS.json OUTPUT_FOLDER [NOTE]

RESULTS.json is the output of `peers.py measure`: rows of (model, engine, threads, round). Per model and engine the rounds that
others disturbed least count. Ratios are Kerf / best other engine whose output is right: below 1 Kerf is faster.
"""
import json
import math
import os
import platform
import statistics
import subprocess
import sys

NOISE = 0.15  # cores that others used; rows above count only where there is no quieter one
# Engines of a precision, Kerf first, and the signal over noise in dB below which an output is wrong.
ENGINES = {"fp32": ("kerf", "ort", "ov", "ncnn", "mnn"),
           "int8": ("kerf_int8", "ort_int8", "ort_dyn", "ov_qdq", "ov_nncf", "mnn_w8")}
LEAST = {"fp32": 60, "int8": 5}
NAMES = {"ort": "onnxruntime", "ov": "OpenVINO", "ncnn": "ncnn", "mnn": "MNN", "ort_int8": "onnxruntime static",
         "ort_dyn": "onnxruntime dynamic", "ov_qdq": "OpenVINO of onnxruntime's model", "ov_nncf": "OpenVINO by NNCF", "mnn_w8": "MNN"}


def best_rows(rows):
    """{(model, engine, threads): row} with medians over the quiet rounds, the smallest load time and memory."""
    groups, merged = {}, {}
    for row in rows:
        kind = next((k for k, engines in ENGINES.items() if row["peer"] in engines), None)
        if kind and "error" not in row and row.get("sqnr_db") is not None and row["sqnr_db"] >= LEAST[kind]:
            groups.setdefault((row["name"], row["peer"], row["threads"]), []).append(row)
    for key, group in groups.items():
        quiet = [r for r in group if r["other"] <= NOISE] or group
        merged[key] = {
            "median": statistics.median(r["median_ms"] for r in quiet),
            "min": min(r["min_ms"] for r in quiet), "p90": max(r["p90_ms"] for r in quiet),
            "load": min(r["load_ms"] for r in quiet), "first": min(r["first_ms"] for r in quiet),
            "memory": min(r["rss_mb"] - r["base_rss_mb"] for r in quiet),
            "noisy": min(r["other"] for r in quiet) > NOISE,
        }
    return merged


def compare(rows, model, threads, key, kind="fp32"):
    """(Kerf, best other, its name), or None where either is missing."""
    mine = rows.get((model, ENGINES[kind][0], threads))
    others = [(rows[(model, p, threads)][key], p) for p in ENGINES[kind][1:] if (model, p, threads) in rows]
    return (mine[key], *min(others)) if mine and others else None


def geometric_mean(values):
    return math.exp(statistics.fmean(math.log(max(v, 1e-9)) for v in values))


def number(value):
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 100 else f"{value:.0f}"


def latency_table(rows, models, threads, kind):
    lines = [f"## Latency, {kind}, batch 1, {threads} thread{'s' if threads > 1 else ''}", "",
             "| model | Kerf ms (min – 90 %) | best other ms | engine | ratio |", "|---|---:|---:|---|---:|"]
    ratios = []
    for model in models:
        found = compare(rows, model, threads, "median", kind)
        if not found:
            continue
        mine, best, who = found
        row = rows[(model, ENGINES[kind][0], threads)]
        ratios.append(mine / best)
        lines.append(f"| {model}{' ~' if row['noisy'] else ''} | {number(mine)} ({number(row['min'])} – {number(row['p90'])}) "
                     f"| {number(best)} | {NAMES[who]} | {mine / best:.2f} |")
    if not ratios:
        return []
    return lines + ["", f"Geometric mean {geometric_mean(ratios):.2f} over {len(ratios)} models, worst {max(ratios):.2f}.", ""]


def cost_table(rows, models):
    lines = ["## Load time and memory, 1 thread", "",
             "| model | load ms | best other | first run ms | memory MB | best other |", "|---|---:|---:|---:|---:|---:|"]
    loads, memories = [], []
    for model in models:
        load, memory = compare(rows, model, 1, "load"), compare(rows, model, 1, "memory")
        if not load or not memory:
            continue
        loads.append(load[0] / load[1])
        memories.append(memory[0] / max(memory[1], 0.1))
        lines.append(f"| {model} | {number(load[0])} | {number(load[1])} ({NAMES[load[2]]}) | "
                     f"{number(rows[(model, 'kerf', 1)]['first'])} | {memory[0]:.0f} | {memory[1]:.0f} ({NAMES[memory[2]]}) |")
    if not loads:
        return []
    return lines + ["", f"Geometric means of the ratios: load {geometric_mean(loads):.2f}, memory {geometric_mean(memories):.2f}. The memory of "
                    "other engines is without the interpreter and libraries they were measured in; Kerf's is the whole process.", ""]


def plot(rows, models, kind, path):
    """One bar per model and number of threads: Kerf / best other, on a logarithmic axis around 1."""
    bars = [(m, [(t, compare(rows, m, t, "median", kind)) for t in (1, 2)]) for m in models]
    bars = [(m, [(t, f[0] / f[1]) for t, f in found if f]) for m, found in bars]
    bars = sorted((b for b in bars if b[1]), key=lambda b: b[1][0][1])
    left, width, step, top = 190, 520, 26, 46
    low, high = math.log(0.2), math.log(3)
    place = lambda ratio: left + width * (min(max(math.log(ratio), low), high) - low) / (high - low)
    height = top + step * len(bars) + 20
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 60}" height="{height}" font-family="sans-serif" font-size="12">',
           f'<rect width="100%" height="100%" fill="white"/>',
           f'<text x="{left}" y="18" font-size="14">Time of Kerf / best other engine ({kind}; left of the line Kerf is faster)</text>']
    for ratio in (0.25, 0.5, 0.8, 1, 1.5, 2, 3):
        x = place(ratio)
        out.append(f'<line x1="{x:.1f}" y1="{top - 8}" x2="{x:.1f}" y2="{height - 16}" stroke="{"#333" if ratio == 1 else "#ddd"}"/>'
                   f'<text x="{x:.1f}" y="{top - 12}" text-anchor="middle" fill="#555">{ratio}</text>')
    for index, (model, ratios) in enumerate(bars):
        y = top + index * step
        out.append(f'<text x="{left - 8}" y="{y + 14}" text-anchor="end">{model}</text>')
        for line, (threads, ratio) in enumerate(ratios):
            a, b = sorted((place(1), place(ratio)))
            out.append(f'<rect x="{a:.1f}" y="{y + 2 + 10 * line}" width="{max(b - a, 1):.1f}" height="9" '
                       f'fill="{("#2a6fb0", "#8fbce0")[threads - 1]}"><title>{model}, {threads} thread(s): {ratio:.2f}</title></rect>')
    legend = left + width - 120
    out.append(f'<rect x="{legend}" y="{height - 14}" width="9" height="9" fill="#2a6fb0"/><text x="{legend + 13}" y="{height - 5}">1 thread</text>'
               f'<rect x="{legend + 70}" y="{height - 14}" width="9" height="9" fill="#8fbce0"/><text x="{legend + 83}" y="{height - 5}">2 threads</text>')
    with open(path, "w") as file:
        file.write("\n".join(out + ["</svg>", ""]))


def machine():
    try:
        with open("/proc/cpuinfo") as file:
            name = next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.processor() or platform.machine()
    return f"{name}, {os.cpu_count()} cores, {platform.system()} {platform.release()}"


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    with open(sys.argv[1]) as file:
        data = json.load(file)
    rows, folder = best_rows(data["rows"]), sys.argv[2]
    models = sorted({key[0] for key in rows if key[1] == "kerf"})
    os.makedirs(folder, exist_ok=True)
    kinds = [k for k in ENGINES if any(key[1] == ENGINES[k][0] for key in rows)]
    for kind in kinds:
        plot(rows, models, kind, os.path.join(folder, f"latency-{kind}.svg"))
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True).stdout.strip()
    versions = ", ".join(f"{k} {v}" for k, v in data["versions"].items() if k in ("onnxruntime", "openvino", "ncnn", "MNN"))
    lines = ["# Benchmarks", "", "Written by `make bench`. " + " ".join(sys.argv[3:]), "",
             f"Machine: {machine()}. Kerf {commit}; {versions}.", "",
             "Medians; in parentheses the shortest run and the time that 90 % of the runs stay under. ~: others used the machine meanwhile.", "",
             *[f"![Kerf against the best other engine, {k}](latency-{k}.svg)" for k in kinds], ""]
    for kind in kinds:
        for threads in (1, 2):
            lines += latency_table(rows, models, threads, kind)
    lines += cost_table(rows, models)
    with open(os.path.join(folder, "README.md"), "w") as file:
        file.write("\n".join(line.rstrip() for line in lines))


if __name__ == "__main__":
    main()
