import type { InstructionInfo } from '../../compile/index.js';

/** What has no layer: counters, sums, what is fed. */
const wholeStep = 'step';

/**
 * A node's scope as users know it: 'dense_1 (dense)/gradient' is 'dense_1 (backward)', 'half (model)/dense (dense)' is
 * 'half/dense'.
 */
export function originOf(scope: string): string {
  const parts = scope.split('/');
  const names = parts.filter((part) => part !== 'gradient').map((part) => part.replace(/ \([^()]*\)/, ''));
  const name = names.filter((n) => n !== '').join('/');
  const isBackward = names.length < parts.length;
  return `${name === '' ? wholeStep : name}${isBackward ? ' (backward)' : ''}`;
}

/** Where an instruction comes from, each once; a layer before the step as a whole. */
export function layersOf({ origins }: Pick<InstructionInfo, 'origins'>): string[] {
  const found = [...new Set(origins.map(originOf))];
  const layers = found.filter((name) => !name.startsWith(wholeStep));
  return layers.length > 0 ? layers : found.slice(0, 1);
}
