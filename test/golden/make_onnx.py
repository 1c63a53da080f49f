"""Writes the node tests of the onnx package as a golden set (schema golden/1), and the tables of onnx.md.

    python3 -m venv out/onnxenv && out/onnxenv/bin/pip install onnx numpy
    out/onnxenv/bin/python test/golden/make_onnx.py out/onnx

An operator is in `families`, with the file that its cases go to, or in `skipped`, with the reason; anything else is an
error, so that operators of later versions are not passed over in silence.
"""

import fnmatch
import hashlib
import json
import math
import pathlib
import re
import struct
import sys
import warnings

import numpy as np
import onnx
from onnx.backend.test.case.node import collect_testcases

families = {
    "elementwise": """Abs Acos Acosh Add And Asin Asinh Atan Atanh Ceil Clip Cos Cosh Div Equal Erf Exp Floor Greater
        GreaterOrEqual Identity IsInf IsNaN Less LessOrEqual Log Max Mean Min Mod Mul Neg Not Or Pow Reciprocal Round
        Sign Sin Sinh Sqrt Sub Sum Tan Where Xor""",
    "activation": """Celu Elu Gelu HardSwish LeakyRelu LogSoftmax Mish PRelu Relu Selu Shrink Sigmoid Softmax Softplus
        Softsign Swish Tanh ThresholdedRelu""",
    "reduce": """ArgMax ArgMin CumProd CumSum Hardmax ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax
        ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare TopK""",
    "product": "Einsum Gemm MatMul",
    "window": "AveragePool Conv ConvTranspose GlobalAveragePool GlobalMaxPool MaxPool Resize Upsample",
    "normalization": """BatchNormalization GroupNormalization InstanceNormalization LayerNormalization LpNormalization
        MeanVarianceNormalization RMSNormalization""",
    "index": "Gather GatherElements OneHot ScatterND",
    "shape": """Concat ConstantOfShape DepthToSpace Expand EyeLike Flatten Pad Range Reshape Slice SpaceToDepth Split
        Squeeze Tile Transpose Trilu Unsqueeze""",
    "recurrent": "GRU LSTM RNN",
    "attention": "Attention",
    "loss": "SoftmaxCrossEntropyLoss",
}
family = {op: name for name, ops in families.items() for op in ops.split()}

reasons = {
    "bits, strings, sequences, optional values, maps and trees: tensors are float32, int32 or bool": """
        ArrayFeatureExtractor Binarizer BitCast BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor If ImageDecoder
        LabelEncoder OptionalGetElement OptionalHasElement RegexFullMatch SequenceInsert SequenceMap SplitToSequence
        StringConcat StringNormalizer StringSplit TfIdfVectorizer TreeEnsemble""",
    "8-bit and 16-bit numbers, quantization": """Cast CastLike ConvInteger DequantizeLinear DynamicQuantizeLinear
        MatMulInteger QLinearConv QLinearMatMul QuantizeLinear""",
    "the shape of the result depends on values": "Compress NonMaxSuppression NonZero Unique",
    "bodies in ONNX's own format": "Loop Scan",
    "random": "Bernoulli Dropout",
    "about shapes, which are plain numbers here": "Constant Shape Size",
    "signal and image processing that is not here": """AffineGrid BlackmanWindow CenterCropPad Col2Im DFT DeformConv
        GridSample HammingWindow HannWindow MelWeightMatrix RoiAlign STFT""",
    "no such operation here": "Det GatherND LRN LpPool MaxUnpool ReverseSequence Scatter ScatterElements TensorScatter",
    "no such layer here": "CausalConvWithState FlexAttention LinearAttention SwiGLU",
    "other slopes (0.2 or given; Keras's and PyTorch's is 1/6)": "HardSigmoid",
    "the tables of sines and cosines are random inputs; here they follow from the base": "RotaryEmbedding",
    "expects log-probabilities that are not normalized; here losses take logits or probabilities":
        "NegativeLogLikelihoodLoss",
    "conventions of their own; the PyTorch and Keras cases have the optimizers": "Adagrad Adam Momentum",
}
skipped = {op: reason for reason, ops in reasons.items() for op in ops.split()}

# Cases of operators that are in, by name.
skipped_cases = {
    "test_identity_*": "sequences",
    "test_equal_string*": "strings",
    "test_div_int32_trunc": "truncates; here / is exact and floorDivide rounds down",
    "test_mod_int64_fmod test_mod_mixed_sign_float??": "remainder with the sign of the dividend (fmod)",
    "test_pow_types_int*_float32": "rounds the power to an integer",
    "test_reduce_max_empty_set* test_reduce_min_empty_set": "the extremum of no values is an error here",
    "test_cumprod_*exclusive test_cumsum_*exclusive": "exclusive sums",
    "test_top_k_uint64": "8-byte integers",
    "test_averagepool_*dilations* test_maxpool_*dilations*": "pooling windows with gaps",
    "test_averagepool_2d_same_lower test_maxpool_2d_same_lower": "the odd cell of padding before; here it comes after",
    "test_maxpool_with_argmax*": "positions of the maxima",
    "test_averagepool_3d_default test_maxpool_3d_default": "large; the small three-dimensional cases are dilated ones",
    "test_convtranspose_output_shape test_convtranspose_kernel_shape": "given sizes of the output",
    "test_resize_* -test_resize_upsample_scales_nearest* -test_resize_upsample_scales_linear":
        "all but whole factors with ONNX's default, half a pixel",
    "test_gather_negative_indices test_gather_elements_negative_indices test_onehot_negative_indices test_onehot_out_of_range_indices":
        "negative indices; here they are errors, or out of range",
    "test_scatternd* -test_scatternd_add": "replaces, multiplies or compares; here rows are added",
    "test_wrap_pad": "wraps around",
    "test_lstm_with_peepholes": "peepholes",
    "test_attention_*past* test_attention_*nonpad* test_attention_*padded_kv* test_attention_*ext_cache*":
        "keys and values kept from earlier steps",
    "test_attention_*qk_matmul* test_attention_*softcap* test_attention_*window*": "scores as output, capped or windowed",
    "test_attention_*_attn_mask test_attention_*_attn_mask_3d* test_attention_*_attn_mask_4d*":
        "a mask that is added to the scores; here masks are bool",
    "test_sce_*_log_prob*": "log-probabilities as a second output (the same cases are there without)",
}

# Inputs that determine shapes or are options here: written as attributes, not as tensors.
static = {
    "Clip": "min max",
    "CumProd": "axis",
    "CumSum": "axis",
    "ConstantOfShape": "input",
    "Expand": "shape",
    "OneHot": "depth values",
    "Pad": "pads constant_value axes",
    "Range": "start limit delta",
    "Reshape": "shape",
    "Resize": "roi scales sizes",
    "Slice": "starts ends axes steps",
    "Split": "split",
    "Squeeze": "axes",
    "Tile": "repeats",
    "TopK": "K",
    "Trilu": "k",
    "Unsqueeze": "axes",
    "Upsample": "scales",
    **{op: "axes" for op in family if op.startswith("Reduce")},
}

# Outputs that have no counterpart here.
left_out = {"LayerNormalization": {"Mean", "InvStdDev"}}

# Wider than the rule below, (rtol, atol): written down with four digits.
wider = {"test_averagepool_2d_ceil_last_window_starts_on_pad": (0, 1e-4)}


def plain(value):
    """Something that JSON can hold."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, onnx.TensorProto):
        return plain(onnx.numpy_helper.to_array(value))
    if isinstance(value, np.ndarray):
        return [plain(v) for v in value] if value.ndim else plain(value.item())
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, (np.generic,)):
        return plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def named(formals, given, variadic_from):
    """Names of the schema for what a node was given; parts of a variadic input are numbered."""
    last = formals[-1] if formals else None
    for i, _ in enumerate(given):
        formal = formals[min(i, len(formals) - 1)]
        variadic = formal is last and formal.option == variadic_from
        yield f"{formal.name}{i - len(formals) + 1}" if variadic else formal.name


def attributes(node, schema):
    values = {
        name: plain(onnx.helper.get_attribute_value(a.default_value))
        for name, a in schema.attributes.items()
        if a.default_value.name
    }
    for a in node.attribute:
        values[a.name] = plain(onnx.helper.get_attribute_value(a))
    return values


class Unfit(Exception):
    pass


def stored(array):
    """The array in a dtype that the library has."""
    if not isinstance(array, np.ndarray) and not isinstance(array, np.generic):
        raise Unfit("not a tensor")
    array = np.asarray(array)
    if array.dtype in (np.float32, np.float64):
        return array.astype(np.float32)
    if array.dtype in (np.int32, np.int64):
        if array.size and np.abs(array).max() > 2**31 - 1:
            raise Unfit("integers beyond 32 bits")
        return array.astype(np.int32)
    if array.dtype == np.bool_:
        return array.astype(np.uint8)
    raise Unfit(f"dtype {array.dtype}")


def tolerance(name, array):
    if array.dtype != np.float32:
        return {}
    if name in wider:
        rtol, atol = wider[name]
        return {"rtol": rtol, "atol": atol}
    finite = array[np.isfinite(array)].astype(np.float64)
    size = math.sqrt(np.mean(finite**2)) if finite.size else 1
    return {"rtol": 1.3e-6, "atol": 1e-5 * min(max(size, 1e-2), 1)}


def convert(case):
    """A case of the manifest and its tensors."""
    model = case.model
    (node,) = model.graph.node
    version = {o.domain: o.version for o in model.opset_import}[node.domain]
    schema = onnx.defs.get_schema(node.op_type, version, node.domain)
    ids = case.name.removeprefix("test_")
    tensors, inputs, outputs = {}, {}, {}
    attrs = attributes(node, schema)
    variadic = onnx.defs.OpSchema.FormalParameterOption.Variadic
    values, results = (iter(part) for part in case.data_sets[0])

    def entry(side, name, array):
        key = f"{ids}:{side}.{name}"
        tensors[key] = array
        dtype = {"float32": "float32", "int32": "int32", "uint8": "uint8"}[array.dtype.name]
        return {"key": key, "dtype": dtype, "shape": list(array.shape)}

    for given, name in zip(node.input, named(schema.inputs, node.input, variadic)):
        if not given:
            continue
        value = next(values)
        if name in static.get(node.op_type, "").split():
            attrs[name] = plain(np.asarray(value))
        else:
            inputs[name] = entry("in", name, stored(value))
    for given, name in zip(node.output, named(schema.outputs, node.output, variadic)):
        if not given:
            continue
        value = stored(next(results))
        if name not in left_out.get(node.op_type, ()):
            outputs[name] = {**entry("out", name, value), **tolerance(case.name, value)}
    found = {
        "id": ids, "group": family[node.op_type], "op": node.op_type, "attrs": attrs, "tags": [ids],
        "inputs": inputs, "outputs": outputs,
    }  # fmt: skip
    return found, tensors


def matches(name, patterns):
    words = patterns.split()
    said = any(fnmatch.fnmatch(name, w) for w in words if not w.startswith("-"))
    return said and not any(fnmatch.fnmatch(name, w[1:]) for w in words if w.startswith("-"))


def safetensors(tensors):
    header, offset = {}, 0
    for key, array in tensors.items():
        dtype = {"float32": "F32", "int32": "I32", "uint8": "U8"}[array.dtype.name]
        header[key] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(a.tobytes() for a in tensors.values())


def tables(taken, dtypes):
    """For onnx.md: what is in, and why the rest is not."""
    lines = ["| file | operators | cases |", "| --- | --- | --- |"]
    for name, ops in families.items():
        lines.append(f"| {name} | {', '.join(sorted(ops.split()))} | {taken[name]} |")
    lines += ["", "| operators that are not in | why |", "| --- | --- |"]
    lines += [f"| {', '.join(sorted(ops.split()))} | {reason} |" for reason, ops in reasons.items()]
    lines += ["", "| cases that are not in | why |", "| --- | --- |"]
    for patterns, reason in skipped_cases.items():
        words = [w.removeprefix("test_") for w in patterns.split() if not w.startswith("-")]
        but = [w.removeprefix("-test_") for w in patterns.split() if w.startswith("-")]
        shown = ", ".join(f"`{w}`" for w in words) + (f" but {', '.join(f'`{w}`' for w in but)}" if but else "")
        lines.append(f"| {shown} | {reason} |")
    lines.append(f"| {dtypes} cases | their dtype is not float32, float64, int32, int64 or bool |")
    lines.append("| `*_expanded*` | the same computation as a graph of other operators |")
    return "\n".join(lines)


def main(folder):
    warnings.simplefilter("ignore")
    np.random.seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    cases, files, dtypes = [], {name: {} for name in families}, 0
    used = set()
    for case in sorted(collect_testcases(None), key=lambda c: c.name):
        if "_expanded" in case.name or len(case.model.graph.node) != 1:
            continue
        op = case.model.graph.node[0].op_type
        if op in skipped:
            continue
        if op not in family:
            raise SystemExit(f"operator {op} is neither taken nor skipped: say which in {__file__}")
        reason = next((p for p in skipped_cases if matches(case.name, p)), None)
        if reason is not None:
            used.add(reason)
            continue
        try:
            found, tensors = convert(case)
        except Unfit:
            dtypes += 1
            continue
        cases.append(found)
        files[found["group"]].update(tensors)
    idle = [p for p in skipped_cases if p not in used]
    if idle:
        raise SystemExit(f"no case is skipped by {idle}")
    taken = {name: sum(c["group"] == name for c in cases) for name in families}
    written = {}
    for name, tensors in files.items():
        data = safetensors(tensors)
        (folder / f"{name}.safetensors").write_bytes(data)
        written[name] = {"file": f"{name}.safetensors", "sha256": hashlib.sha256(data).hexdigest()}
    manifest = {"schema": "golden/1", "generator": f"onnx {onnx.__version__}", "files": written, "cases": cases}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    document = pathlib.Path(__file__).with_name("onnx.md")
    marks = r"(?s)(<!-- written by make_onnx.py -->\n).*(<!-- end -->)"
    text = tables(taken, dtypes)
    document.write_text(re.sub(marks, lambda m: f"{m[1]}{text}\n{m[2]}", document.read_text()))
    print(f"{len(cases)} cases of onnx {onnx.__version__}")


main(pathlib.Path(sys.argv[1]))
