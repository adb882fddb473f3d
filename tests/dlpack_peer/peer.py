"""Exchanges tensors with NumPy and PyTorch through DLPack, both ways: every dtype mica has, views, and what mica refuses.

    peer.py PATH_OF_libdlpack_exchange

Exit status 77: neither library is installed (CTest reports the test as skipped)."""
import ctypes
import gc
import sys
import weakref

try:
    import numpy
except ImportError:
    numpy = None
try:
    import torch
except ImportError:
    torch = None
if not numpy and not torch:
    print("skipped: this Python has neither numpy nor torch")
    sys.exit(77)

mica = ctypes.CDLL(sys.argv[1])
mica.exchange_error.restype = ctypes.c_char_p
for function in (mica.exchange, mica.exchange_versioned, mica.exchange_doubled):
    function.restype, function.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
capsules = ctypes.pythonapi
capsules.PyCapsule_GetPointer.restype, capsules.PyCapsule_GetPointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
capsules.PyCapsule_SetName.argtypes = [ctypes.py_object, ctypes.c_char_p]
capsules.PyCapsule_New.restype, capsules.PyCapsule_New.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
NAMES = {False: (b"dltensor", b"used_dltensor"), True: (b"dltensor_versioned", b"used_dltensor_versioned")}


class Refused(Exception):
    pass


class Result:
    """A tensor of mica's, as from_dlpack takes it."""

    def __init__(self, pointer, versioned):
        self.capsule = capsules.PyCapsule_New(pointer, NAMES[versioned][0], None)

    def __dlpack__(self, **_):
        return self.capsule

    def __dlpack_device__(self):
        return (1, 0)


def through_mica(x, function=mica.exchange, versioned=False):
    """x, from mica again, or Refused: the capsule then still owns x, and deletes it."""
    capsule = x.__dlpack__(max_version=(1, 0)) if versioned else x.__dlpack__()
    pointer = function(capsules.PyCapsule_GetPointer(capsule, NAMES[versioned][0]))
    if not pointer:
        raise Refused(mica.exchange_error().decode())
    capsules.PyCapsule_SetName(capsule, NAMES[versioned][1])
    return Result(pointer, versioned)


def check_numpy():
    count = 0
    for dtype in ("float64", "float32", "float16", "int64", "int32", "uint8", "bool"):
        whole = (numpy.arange(120) % 7).reshape(2, 3, 4, 5).astype(dtype)
        for x in (whole, whole.transpose(3, 1, 0, 2), whole[1, ::2, 1:3], whole[:, :0], whole[0, 0, 0, 0:1].reshape(())):
            for versioned in (False, True):
                function = mica.exchange_versioned if versioned else mica.exchange
                y = numpy.from_dlpack(through_mica(x, function, versioned))
                assert y.dtype == x.dtype and y.shape == x.shape and numpy.array_equal(y, x), (dtype, x.shape)
                if x.size:
                    assert y.ctypes.data == x.ctypes.data and y.strides == x.strides, (x.strides, y.strides)
                count += 1
        if dtype != "bool":
            y = numpy.from_dlpack(through_mica(whole, mica.exchange_doubled))
            assert y.dtype == whole.dtype and numpy.array_equal(y, whole + whole), dtype

    x = numpy.arange(6.0)
    alive = weakref.ref(x)
    y = numpy.from_dlpack(through_mica(x))
    del x
    gc.collect()
    assert alive() is not None and y.sum() == 15
    del y
    gc.collect()
    assert alive() is None, "mica has not deleted the array"

    frozen = numpy.arange(3.0)
    frozen.flags.writeable = False
    for x, versioned, words in ((numpy.arange(6.0)[::-1], False, "dimension 0 has stride -1"), (numpy.zeros(2, "complex64"), False, "type code 5 of 64 bits"),
                                (numpy.zeros(2, "int16"), True, "type code 0 of 16 bits"), (numpy.zeros([1] * 7), False, "7 dimensions"),
                                (frozen, True, "must not be written")):
        base = x if x.base is None else x.base
        alive = weakref.ref(base)
        try:
            through_mica(x, mica.exchange_versioned if versioned else mica.exchange, versioned)
            raise AssertionError(f"mica takes what it should refuse: {words}")
        except Refused as refusal:
            assert words in str(refusal), (words, str(refusal))
        del x, base
    return count


def check_torch():
    count = 0
    for dtype in (torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.uint8, torch.bool):
        whole = (torch.arange(120) % 7).reshape(2, 3, 4, 5).to(dtype)
        for x in (whole, whole.permute(3, 1, 0, 2), whole[1, ::2, 1:3], whole[:, :0], whole[0, 0, 0, 0], whole[:1].expand(4, 3, 4, 5), whole.contiguous(memory_format=torch.channels_last)):
            for versioned in (False, True):
                y = torch.from_dlpack(through_mica(x, mica.exchange_versioned if versioned else mica.exchange, versioned))
                assert y.dtype == x.dtype and y.shape == x.shape and torch.equal(y, x), (dtype, x.shape)
                if x.numel():
                    assert y.data_ptr() == x.data_ptr() and all(n == 1 or a == b for n, a, b in zip(x.shape, x.stride(), y.stride())), (x.stride(), y.stride())
                count += 1
        if dtype != torch.bool:
            y = torch.from_dlpack(through_mica(whole, mica.exchange_doubled))
            assert y.dtype == dtype and torch.equal(y, whole + whole), dtype

    x = torch.zeros(3)
    y = torch.from_dlpack(through_mica(x))
    y.fill_(2)
    assert x.tolist() == [2, 2, 2]
    storage, before = x.untyped_storage(), x.untyped_storage()._use_count() if hasattr(torch.UntypedStorage, "_use_count") else None
    del y
    if before is not None:
        assert storage._use_count() == before - 1, "mica has not deleted the tensor"
    try:
        through_mica(torch.zeros(2, dtype=torch.int8))
        raise AssertionError("mica takes int8")
    except Refused as refusal:
        assert "type code 0 of 8 bits" in str(refusal)
    return count


for name, library, check in (("NumPy", numpy, check_numpy), ("PyTorch", torch, check_torch)):
    if library:
        print(f"{check()} exchanges with {name} {library.__version__}")
    else:
        print(f"{name} is not installed: not checked")
