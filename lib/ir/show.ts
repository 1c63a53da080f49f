import { formatType, Tensor } from './graph.js';

const mostShown = 16;
const deepestShown = 3;

/** A value as it should stand in an error message, whatever it is: lists may be long, or hold themselves. */
export function show(value: unknown, depth = 0): string {
  if (value instanceof Tensor) return formatType(value);
  if (typeof value === 'string') return `'${value}'`;
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value)) {
    if (depth === deepestShown) return 'a list';
    const first = value.slice(0, mostShown).map((v) => show(v, depth + 1));
    return `[${[...first, ...(value.length > mostShown ? ['...'] : [])].join(', ')}]`;
  }
  if (typeof value === 'object' && value !== null) {
    const { constructor } = Object.getPrototypeOf(value) ?? {};
    return `an object (${typeof constructor === 'function' ? String(constructor.name) : 'no prototype'})`;
  }
  return String(value);
}
