import { StateLayout } from '../../lib/compile/state-layout';
import { variable } from '../helpers/stateful';

describe('StateLayout', () => {
  it('packs small variables in the order they come, and aligns large ones', () => {
    const layout = new StateLayout();
    expect(layout.bytes).toBe(0);
    const add = (name: string, shape: number[], dtype?: 'int32' | 'bool') => layout.add(variable(name, shape, dtype));
    expect([
      add('step', [], 'int32'),
      add('loss', []),
      add('sums', [3]),
      add('flag', [], 'bool'),
      add('next', [15]),
    ]).toEqual([0, 4, 8, 20, 24]);
    expect([add('kernel', [4, 4]), add('bias', [16]), add('tail', [2])]).toEqual([128, 192, 256]);
    expect(layout.bytes).toBe(320);
  });

  it('gives each variable one place, by identity', () => {
    const layout = new StateLayout();
    const [a, twin] = [variable('a', [4]), variable('a', [4])];
    expect([layout.add(a), layout.add(twin), layout.add(a)]).toEqual([0, 16, 0]);
    expect([layout.has(a), layout.has(variable('a', [4])), layout.offsetOf(twin)]).toEqual([true, false, 16]);
    expect(() => layout.offsetOf(variable('b', [2, 3]))).toThrow('variable b float32[2, 3] is not part of this state');
  });
});
