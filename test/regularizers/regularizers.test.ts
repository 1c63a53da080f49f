import { tensor } from '../../lib/ir/build';
import * as regularizers from '../../lib/regularizers/index';
import { resolveRegularizer } from '../../lib/regularizers/resolve';
import { evaluate, expectClose } from '../helpers/evaluate';

const weight = tensor([
  [1, -2],
  [3, 0],
]);

test.each([
  ['l1', regularizers.l1(0.5), 3],
  ['l2', regularizers.l2(0.5), 7],
  ['l1l2', regularizers.l1l2({ l1: 0.5, l2: 0.25 }), 6.5],
  ['orthogonal', regularizers.orthogonal({ factor: 0.5 }), 0.5 / Math.sqrt(5)],
  ['orthogonal columns', regularizers.orthogonal({ factor: 0.5, mode: 'columns' }), 0.5 / Math.sqrt(10)],
  ['the default factor', resolveRegularizer('test', 'r', 'l2'), 0.14],
])('%s', (_, regularizer, expected) => {
  const penalty = regularizer(weight);
  expect(penalty.shape).toEqual([]);
  expectClose(evaluate([penalty]).outputs[0], [expected]);
});

test('factors are checked', () => {
  expect(() => regularizers.orthogonal({ mode: 'row' as never })).toThrow("mode must be one of 'rows', 'columns'");
  expect(() => regularizers.orthogonal()(tensor([1]))).toThrow('regularizers.orthogonal: needs a weight of rank 2');
  expect(() => regularizers.l2(-1)).toThrow('regularizers.l2: factor must be a finite number >= 0, got -1');
  expect(() => regularizers.l1l2({ l3: 1 } as never)).toThrow("unknown option 'l3'");
});
