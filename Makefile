# Two commands to know: `make demo` and `make test`. Both install what is missing and ask for nothing.
BUILD := .build
KERF := $(BUILD)/release/kerf
VENV := $(BUILD)/venv
SHARED ?= ../shared
FILTER ?=

.PHONY: demo test build bench bench-kernels format docs device setup clean

## demo: build, compile the sample models, run them on real data, print one table
demo: build $(VENV)/demo
	$(VENV)/bin/python Samples/demo.py --kerf $(KERF)

## test: everything CI checks
test: setup
	scripts/test.sh

## build: the kerf command, optimized
build: setup
	swift build -c release --product kerf

## bench: latency of the sample models; with the peers' harness beside the project, the comparison as well
bench: build $(VENV)/demo
	scripts/bench.sh $(KERF) $(VENV)/bin/python $(SHARED)

## bench-kernels: times of the kernels of every operation, or of those whose names contain FILTER
bench-kernels: setup
	KERF_BENCH_KERNELS='$(FILTER)' swift test -c release -Xswiftc -enable-testing --filter KernelBenchmarks

## format: rewrite the sources in the checked-in style
format:
	swift format --in-place --recursive --parallel Package.swift IR Passes Sources Tests

## docs: documentation of the library
docs: setup
	scripts/docs.sh

## device: the runner for devices, for this machine and arm64, and its tests under qemu
device: setup
	scripts/test-device.sh

setup:
	@scripts/setup.sh

$(VENV)/demo:
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check numpy pillow matplotlib
	touch $@

clean:
	rm -rf $(BUILD)
