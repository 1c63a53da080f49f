import * as ops from '../../../lib/ir/ops/index';
import { type Case, into } from './case';
import { float } from './inputs';

export const einsum: Case[] = [];
const define = into(einsum, 'einsum');

for (const equation of [
  'ij,jk->ik',
  'ij,kj',
  'ii',
  'ii->i',
  'iji->j',
  'ij->ji',
  'ij->',
  'i,j->ij',
  'bij,bjk->bik',
  'bij,bkj->bki',
  '...ij,...jk->...ik',
  '...i->...',
  'ij,jk,kl->il',
  'ij,ij,ij->i',
  'abc,cd,ae->bde',
]) {
  define(equation, (random) => {
    const sizes = Object.fromEntries([...'abcdeijkl'].map((letter) => [letter, random.int(1, 4)]));
    const batch = random.shape(random.int(0, 2), 3);
    const shapes = equation
      .split('->')[0]
      .split(',')
      .map((term) => [
        ...(term.startsWith('...') ? batch.map((n) => (random.uniform() < 0.2 ? 1 : n)) : []),
        ...[...term.replace('...', '')].map((letter) => sizes[letter]),
      ]);
    return { inputs: shapes.map((s) => float(random, s)), run: (...x) => ops.einsum(equation, ...x) };
  });
}
