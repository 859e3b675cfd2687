#!/usr/bin/env python3
"""Prints what quantization does to models' outputs with samples and without: signal over noise in dB of the worst output.

    scripts/quantization_table.py KERF < MODELS

MODELS has a line for each model: name, ONNX file, folder of samples, and options for all compilations (shapes). Every layer that
can be is on codes, whatever its cost (`--allow-slower --min-sqnr 0`). Models are compared on the samples;
–: the outputs are the float ones, no layer is on codes.
"""
import json
import os
import subprocess
import sys
import tempfile

WAYS = {"int8-weights": ["int8-weights"], "int8, no samples": ["int8"], "int8, samples": ["int8", "--min-sqnr", "0"]}


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: {done.stderr}")
    return done.stdout


def row(kerf, model, samples, options):
    """Decibels, a way after the other."""
    result = []
    with tempfile.TemporaryDirectory() as folder:
        plain, codes = os.path.join(folder, "float.kerf"), os.path.join(folder, "codes.kerf")
        run(kerf, "compile", model, "-o", plain, "--quiet", *options)
        for name, way in WAYS.items():
            given = ["--samples", samples] if name.endswith(", samples") else []
            run(kerf, "compile", model, "-o", codes, "--quiet", "--allow-slower", *options, "--quantize", *way, *given)
            outputs = json.loads(run(kerf, "compare", plain, codes, "--samples", samples, "--json"))["outputs"]
            result.append(min(output["sqnr_db"] for output in outputs if output["sqnr_db"] is not None))
    return result


def main():
    print("| model | " + " | ".join(WAYS) + " |\n|---|" + "---:|" * len(WAYS))
    for line in filter(str.strip, sys.stdin):
        name, model, samples, *options = line.split()
        print(f"| {name} | " + " | ".join("–" if value >= 300 else f"{value:.1f}" for value in row(sys.argv[1], model, samples, options)) + " |", flush=True)


if __name__ == "__main__":
    main()
