import { tensor } from '../../lib/ir/build';
import { type Tensor, topological } from '../../lib/ir/graph';
import { sumProducts } from '../../lib/ir/products';
import { interpret } from '../../lib/ir/reference';
import { expectClose } from '../helpers/evaluate';
import { Random } from '../helpers/random';

const random = new Random(3);
const matrix = (rows: number, columns: number): Tensor =>
  tensor(
    Float32Array.from({ length: rows * columns }, () => random.uniform() - 0.5),
    [rows, columns],
  );
const pair = (k: number) => ({ a: matrix(k, 4), b: matrix(k, 5) });
const graphOf = (t: Tensor) => ({ inputs: [], outputs: [t], writes: [] });
const valuesOf = (t: Tensor) => interpret(graphOf(t)).outputs[0];
const productsIn = (t: Tensor) => topological(graphOf(t)).filter((n) => n.op === 'matmul').length;

test('the sum of short products is one product, of any lengths', () => {
  const parts = [pair(2), pair(1), pair(3)];
  const joined = sumProducts(parts);
  const separate = parts.map((p) => valuesOf(sumProducts([p])));
  expect(productsIn(joined)).toBe(1);
  expectClose(
    valuesOf(joined),
    separate[0].map((v, i) => v + separate[1][i] + separate[2][i]),
  );
});

test('tall products are added', () => {
  const [tall, taller, short] = [pair(50), pair(60), pair(2)];
  const sum = sumProducts([tall, short, taller]);
  expect(productsIn(sum)).toBe(3);
  const separate = [tall, taller, short].map((p) => valuesOf(sumProducts([p])));
  expectClose(
    valuesOf(sum),
    separate[0].map((v, i) => v + separate[1][i] + separate[2][i]),
  );
});
