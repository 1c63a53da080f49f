import { loadAddon } from '../../lib/runtime/native';
import { cases } from '../helpers/cases';
import { checkNatively, problem } from '../helpers/native';
import { Random } from '../helpers/random';

const addon = loadAddon();
const { targets, target } = addon.info();
// Fewer where a CPU is emulated (scripts/arm64.mjs).
const draws = Number(process.env.STEEPEST_TEST_DRAWS ?? 8);

afterAll(() => addon.selectTarget(target));

describe.each([...new Set(cases.map((c) => c.family))])(`%s on ${targets.join(', ')}`, (family) => {
  test.each(cases.filter((c) => c.family === family))('$name', ({ build, differentiable, large, rounds }) => {
    // these targets differ from avx512 in products of rounded operands only
    const tried = rounds ? targets : targets.filter((name) => !/bf16|vnni/.test(name));
    for (let seed = 1; seed <= (large ? 1 : draws); seed++) {
      checkNatively(problem(build(new Random(seed)), differentiable, seed), tried);
    }
  });
});
