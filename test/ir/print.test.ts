import { make, scalar, tensor, withScope } from '../../lib/ir/build.js';
import { type Graph, Node, type Tensor, type Variable } from '../../lib/ir/graph.js';
import { printGraph, printProgram } from '../../lib/ir/print.js';
import type { Program } from '../../lib/ir/program.js';

const kernel: Variable = { name: 'dense/kernel', shape: [3, 2], dtype: 'float32' };
const program: Program = {
  inputs: 1,
  constants: [{ value: 2, lanes: 'f' }],
  steps: [
    { op: 'mul', lanes: 'f', args: [0, 1] },
    { op: 'iota', lanes: 'i', args: [], immediates: [4, 3] },
  ],
  outputs: [2, 0],
};

function denseGraph(): Graph {
  const x = make('input', [], { slot: 0 }, [5, 3], 'float32');
  const w = make('variable', [], { variable: kernel }, [3, 2], 'float32');
  const y = withScope('dense (dense)', () => make('matmul', [x, w], {}, [5, 2], 'float32'));
  const t = make('permute', [w], { axes: [1, 0] }, [2, 3], 'float32');
  const write = new Node('write', [w], { variable: kernel }, [], 'adam');
  return { inputs: [x], outputs: [y, t], writes: [write] };
}

describe('printGraph', () => {
  const expected = `\
%0 = input {slot: 0} : float32[5, 3]
%1 = variable {variable: dense/kernel} : float32[3, 2]
%2 = matmul(%0, %1) : float32[5, 2]  // dense (dense)
%3 = permute(%1) {axes: [1, 0]} : float32[2, 3]
write(%1) {variable: dense/kernel}  // adam
return %2, %3
`;

  it('prints a node per line with inputs, attributes, type and scope', () => {
    expect(printGraph(denseGraph())).toBe(expected);
  });

  it('numbers nodes from zero, whatever was made before', () => {
    scalar(1);
    expect(printGraph(denseGraph())).toBe(expected);
  });

  it('prints programs and tells the outputs of a node apart', () => {
    const x = make('input', [], { slot: 0 }, [4], 'float32');
    const types = [
      { shape: [4], dtype: 'int32' },
      { shape: [4], dtype: 'float32' },
    ] as const;
    const map = new Node('map', [x], { program, segments: 1 }, types, '');
    const [a, b] = map.outputs as [Tensor, Tensor];
    const sum = make('argReduce', [b], { kind: 'max', axis: 0 }, [], 'int32');
    expect(printGraph({ inputs: [x], outputs: [sum, a], writes: [] })).toBe(`\
%0 = input {slot: 0} : float32[4]
%1.0, %1.1 = map(%0) {program: { r1 = 2; r2 = mul.f r0 r1; r3 = iota.i #4 3; return r2 r0 }, segments: 1} : int32[4], float32[4]
%2 = argReduce(%1.1) {kind: max, axis: 0} : int32[]
return %2, %1.0
`);
  });

  it('shows the first values of constants', () => {
    const print = (t: Tensor): string => printGraph({ inputs: [], outputs: [t], writes: [] }).split('\n')[0] as string;
    expect(print(scalar(0.1))).toBe('%0 = constant {data: [0.100000001]} : float32[]');
    expect(print(tensor([1, -0, Number.NaN, Number.NEGATIVE_INFINITY, 5]))).toBe(
      '%0 = constant {data: [1, -0, NaN, -Infinity, ... 5 values]} : float32[5]',
    );
    expect(print(tensor([true, false]))).toBe('%0 = constant {data: [1, 0]} : bool[2]');
  });

  it('leaves functions and absent attributes out', () => {
    const x = make('input', [], { slot: 0 }, [1, 1], 'float32');
    const y = make('customGradient', [x, x], { gradient: () => [undefined] }, [1, 1], 'float32');
    const z = make('matmul', [y, y], { epilogue: undefined }, [1, 1], 'float32');
    expect(printGraph({ inputs: [x], outputs: [z], writes: [] })).toBe(`\
%0 = input {slot: 0} : float32[1, 1]
%1 = customGradient(%0, %0) : float32[1, 1]
%2 = matmul(%1, %1) : float32[1, 1]
return %2
`);
  });

  it('prints the empty graph as nothing', () => {
    expect(printGraph({ inputs: [], outputs: [], writes: [] })).toBe('');
  });
});

describe('printProgram', () => {
  it('prints constants, steps and outputs by register', () => {
    expect(printProgram(program)).toBe('{ r1 = 2; r2 = mul.f r0 r1; r3 = iota.i #4 3; return r2 r0 }');
  });
});
