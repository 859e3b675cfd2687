"""Writes conformance cases for the operators of onnxruntime's domain com.microsoft, with onnxruntime's own answers.

    python generate.py --out FOLDER [--only OPERATOR]

Needs numpy, onnx and onnxruntime. Ends with 1 where onnxruntime refuses a case: every case here is one that it runs.

Left out, because onnxruntime has no kernel for processors: BiasAdd, BiasDropout, BiasSoftmax, BiasSplitGelu,
GemmFastGelu, QLinearReduceMean (Kerf imports them). SparseToDenseMatMul takes sparse tensors as values, which Kerf has
only as initializers. DecoderMaskedMultiHeadAttention runs on processors only across (keys given split into heads), or
with a buffer shared by past and present.
"""

import argparse
import collections
import os
import sys

import attention
import quantized
import simple
import transformers


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True)
    parser.add_argument("--only", help="one operator")
    options = parser.parse_args()
    os.makedirs(options.out, exist_ok=True)
    counts, titles, refused = collections.Counter(), set(), 0
    for family in [simple, quantized, transformers, attention]:
        for case in family.cases():
            if options.only and case.op != options.only:
                continue
            assert case.title not in titles, case.title
            titles.add(case.title)
            try:
                case.write(options.out)
                counts[case.op] += 1
            except Exception as error:
                refused += 1
                print(f"{case.title}: {error}", file=sys.stderr)
    few = [op for op, count in counts.items() if count < 8]
    for op in sorted(counts):
        print(f"{op} {counts[op]}")
    print(f"{sum(counts.values())} cases of {len(counts)} operators")
    if few:
        print(f"fewer than 8 cases: {', '.join(few)}", file=sys.stderr)
    return 1 if refused or few else 0


sys.exit(main())
