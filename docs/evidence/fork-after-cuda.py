#!/usr/bin/env python3
"""Shows on a machine with an NVIDIA GPU that CUDA can't be used in a process forked after it was initialised, that it can in
a spawned one, and what GPU memory is used before, during and after.

Needs the driver's libcuda.so.1 and libnvidia-ml.so.1 and nothing but Python's standard library. Uses device 0 and about
600 MiB of its memory for some seconds. Exit code 0 when all is as expected, 1 when not, 2 when there is no GPU.
See docs/evidence/README.md.
"""
import ctypes
import multiprocessing
import os
import signal
import subprocess
import sys

MIB = 1 << 20
BLOCK = 256 * MIB
# Others may use the device, too.
TOLERANCE = 64 * MIB
# A driver in a forked process might rather hang than say no.
PATIENCE_S = 60


def use_cuda():
    """Initialises CUDA, makes a context and allocates a block. Returns the first error, or 0; and what keeps the memory."""
    cuda = ctypes.CDLL("libcuda.so.1")
    device, context, block = ctypes.c_int(), ctypes.c_void_p(), ctypes.c_uint64()
    for call in (
        lambda: cuda.cuInit(ctypes.c_uint(0)),
        lambda: cuda.cuDeviceGet(ctypes.byref(device), 0),
        lambda: cuda.cuCtxCreate_v2(ctypes.byref(context), ctypes.c_uint(0), device),
        lambda: cuda.cuMemAlloc_v2(ctypes.byref(block), ctypes.c_size_t(BLOCK)),
    ):
        error = call()
        if error:
            return error, None
    return 0, (context, block)


def told(error):
    return "error %d" % error if error else "works"


# Errors are numbers up to 999, exit codes up to 255: 99 stands for those that are larger.
def exit_with_error():
    signal.alarm(PATIENCE_S)
    os._exit(min(use_cuda()[0], 99))


def by_fork():
    child = os.fork()
    if child == 0:
        exit_with_error()
    status = os.waitpid(child, 0)[1]
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 99


def by_multiprocessing(method):
    process = multiprocessing.get_context(method).Process(target=exit_with_error)
    process.start()
    process.join()
    return process.exitcode if process.exitcode >= 0 else 99


def pause(phase):
    """Lets the observer look at the device."""
    print("=" + phase, flush=True)
    sys.stdin.readline()


def parent():
    """The process that initialises CUDA, and then starts others."""
    error, kept = use_cuda()
    if error:
        print("CUDA can't be used here: error %d" % error, flush=True)
        return 2
    pause("with CUDA in the parent")
    forked = [by_fork(), by_multiprocessing("fork")]
    print("os.fork: %s\nmultiprocessing fork: %s" % tuple(map(told, forked)), flush=True)

    child = subprocess.Popen([sys.executable, __file__, "--child"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    child.stdout.readline()
    pause("spawned child at work")
    child.communicate(b"\n")
    spawned = [child.returncode, by_multiprocessing("spawn")]
    print("spawn: %s\nmultiprocessing spawn: %s" % tuple(map(told, spawned)), flush=True)
    pause("after the children")
    return 0 if all(forked) and not any(spawned) and kept else 1


def child():
    error, kept = use_cuda()
    print("ready" if kept else "no", flush=True)
    sys.stdin.readline()
    return min(error, 99)


class Memory(ctypes.Structure):
    _fields_ = [("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong)]


class Observer:
    """Has nothing of CUDA in its own process; NVML makes no context."""

    def __init__(self):
        self.nvml = ctypes.CDLL("libnvidia-ml.so.1")
        self.device = ctypes.c_void_p()
        error = self.nvml.nvmlInit_v2() or self.nvml.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(0), ctypes.byref(self.device))
        if error:
            raise OSError("NVML says error %d" % error)

    def text(self, function, *arguments):
        buffer = ctypes.create_string_buffer(96)
        error = getattr(self.nvml, function)(*arguments, buffer, ctypes.c_uint(96))
        return "?" if error else buffer.value.decode("ascii", "replace")

    def look(self, phase):
        memory = Memory()
        if self.nvml.nvmlDeviceGetMemoryInfo(self.device, ctypes.byref(memory)):
            raise OSError("NVML doesn't tell the memory")
        print("%s: %d MiB used" % (phase, memory.used // MIB), flush=True)
        return memory.used


def observe():
    try:
        observer = Observer()
    except OSError as error:
        print("There is no GPU to look at: %s" % error)
        return 2
    print("%s, driver %s, Python %s" % (
        observer.text("nvmlDeviceGetName", observer.device), observer.text("nvmlSystemGetDriverVersion"), sys.version.split()[0]))
    before = observer.look("before")
    used = {}
    process = subprocess.Popen(
        [sys.executable, __file__, "--parent"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, universal_newlines=True)
    for line in process.stdout:
        if line.startswith("="):
            phase = line[1:].strip()
            used[phase] = observer.look(phase)
            process.stdin.write("\n")
            process.stdin.flush()
        else:
            print(line, end="", flush=True)
    if process.wait() == 2:
        return 2
    after = observer.look("after the parent")
    expected = (
        process.returncode == 0
        and used["with CUDA in the parent"] >= before + BLOCK
        and used["spawned child at work"] >= used["with CUDA in the parent"] + BLOCK
        and used["after the children"] <= used["with CUDA in the parent"] + TOLERANCE
        and after <= before + TOLERANCE)
    print("As expected: forked children can't use CUDA, spawned ones can, and all memory is back." if expected
          else "NOT as expected.")
    return 0 if expected else 1


if __name__ == "__main__":
    sys.exit({"--parent": parent, "--child": child}.get((sys.argv + [""])[1], observe)())
