"""Checks mica's safetensors files against the Python package `safetensors`, both ways, with every dtype mica has, and that both refuse the
same broken files. (The package takes blanks before '{', which the format's text forbids; mica does not.)

    peer.py PATH_OF_safetensors_copy

Exit status 77: the package is not installed (CTest reports the test as skipped)."""
import ctypes
import json
import os
import random
import struct
import subprocess
import sys
import tempfile

try:
    import safetensors
except ImportError:
    print("skipped: this Python has no module safetensors")
    sys.exit(77)

WIDTHS = {"float64": 8, "float32": 4, "float16": 2, "bfloat16": 2, "int64": 8, "int32": 4, "uint8": 1, "bool": 1}
SHAPES = [[], [1], [0], [7], [2, 3], [3, 0, 2], [1, 2, 1, 3, 1, 2]]


def copied(folder, data):
    """What mica writes after it has read `data`, or None and its refusal."""
    source, target = os.path.join(folder, "in"), os.path.join(folder, "out")
    with open(source, "wb") as file:
        file.write(data)
    run = subprocess.run([sys.argv[1], source, target], capture_output=True, text=True)
    if run.returncode == 1:
        return None, run.stdout
    assert run.returncode == 0, run.stderr
    with open(target, "rb") as file:
        return file.read(), ""


def by_name(data):
    return sorted(safetensors.deserialize(data), key=lambda tensor: tensor[0])


def metadata(data):
    return json.loads(data[8:8 + struct.unpack("<Q", data[:8])[0]]).get("__metadata__")


def serialized(tensors, about):
    """The package's file; since version 0.8 it takes addresses in place of bytes."""
    if not hasattr(safetensors, "TensorSpec"):
        return safetensors.serialize({name: {"dtype": t, "shape": s, "data": v} for name, (t, s, v) in tensors.items()}, about)
    buffers = {name: ctypes.create_string_buffer(values, max(len(values), 1)) for name, (_, _, values) in tensors.items()}
    return safetensors.serialize({name: safetensors.TensorSpec(dtype=t, shape=s, data_ptr=ctypes.addressof(buffers[name]), data_len=len(v))
                                  for name, (t, s, v) in tensors.items()}, about)


def check_copies(folder):
    numbers = random.Random(1)
    tensors = {}
    for dtype, width in WIDTHS.items():
        for shape in SHAPES:
            count = 1
            for size in shape:
                count *= size
            values = bytes(numbers.randrange(2) for _ in range(count)) if dtype == "bool" else numbers.randbytes(count * width)
            tensors[f"{dtype} {shape} \u00fc\n\""] = (dtype, shape, values)
    for about in (None, {}, {"format": "pt", "\u00e9 \"": "line\nbreak \U0001f600"}):
        data = serialized(tensors, about)
        again, refusal = copied(folder, data)
        assert again is not None, refusal
        for before, after in zip(by_name(data), by_name(again)):
            assert before == after, (before, after)
        assert (metadata(again) or {}) == (about or {}), metadata(again)
        for name, entry in json.loads(again[8:8 + struct.unpack("<Q", again[:8])[0]]).items():
            if name != "__metadata__":
                assert entry["data_offsets"][0] % WIDTHS[name.split()[0]] == 0, name  # aligned
    return len(tensors)


def hostile_files():
    def file(header, values=b""):
        text = header.encode() if isinstance(header, str) else header
        return struct.pack("<Q", len(text)) + text + values

    def one(dtype="U8", shape="[2]", offsets="[0,2]", values=b"ab", name="x"):
        return file(f'{{"{name}":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}}}', values)

    u8 = '"dtype":"U8","shape":[2],"data_offsets":'
    yield from (b"", b"abc", b"\0" * 8, b"\xff" * 8, struct.pack("<Q", 100_000_001) + b"{}", struct.pack("<Q", 3) + b"{}")
    yield from (file(text) for text in ("", "[]", "3", "{", "{}x", "{} x", '{"x":3}', '{"x":[]}', '{"x":{}}', '{"__metadata__":{"a":1}}',
                                        '{"__metadata__":[]}', '{"x":' + "[" * 100000, '{"x":' + '{"x":' * 100000, b'{"\xff":{}}'))
    yield from (one(dtype=t) for t in ("u8", "", "FLOAT", "U9"))
    yield from (one(shape=s) for s in ("[3]", "[1]", "[-2]", "[2.5]", "2", "null", "[[2]]", '["2"]', "[18446744073709551615,18446744073709551615]",
                                       "[9223372036854775808,2]", "[99999999999999999999]"))
    yield from (one(offsets=o) for o in ("[0,1]", "[1,2]", "[2,0]", "[0]", "[0,2,3]", "[-2,0]", "0", "[0,3]", "[2,4]", "[0,18446744073709551615]"))
    yield from (one(values=v) for v in (b"", b"a", b"abc"))
    for second in ("[1,3]", "[3,5]", "[0,2]"):  # overlap, hole, the same bytes
        yield file('{"x":{%s[0,2]},"y":{%s%s}}' % (u8, u8, second), b"abcde"[:int(second[3])] if second != "[0,2]" else b"ab")
    yield file('{"x":{"dtype":"U8","shape":[2]}}', b"ab")
    yield file('{"x":{"dtype":"U8","data_offsets":[0,2]}}', b"ab")
    yield file('{"x":{"shape":[2],"data_offsets":[0,2]}}', b"ab")
    yield file(b'{}\0')


def check_refusals(folder):
    count = 0
    for data in hostile_files():
        try:
            safetensors.deserialize(data)
            raise AssertionError(f"the package accepts {data[:120]!r}: no hostile file")
        except (safetensors.SafetensorError, ValueError, OverflowError):
            pass
        again, refusal = copied(folder, data)
        assert again is None, f"mica accepts {data[:120]!r}"
        assert len(refusal) < 400 and refusal.count("\n") == 1, refusal
        count += 1
    return count


with tempfile.TemporaryDirectory() as folder:
    print(f"{check_copies(folder)} tensors equal after a copy by mica, {check_refusals(folder)} broken files refused by both")
