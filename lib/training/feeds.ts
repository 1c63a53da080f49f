import { sameShape, type TensorType } from '../ir/graph.js';
import type { Column } from './columns.js';

/** What a step is given for one input, target or weight: the type of one sample, and the number of its feed. */
export interface FedType extends TensorType {
  readonly feed: number;
}

/** Columns that a step is fed, and which of them each of `types` is. */
export interface Feeds {
  readonly columns: readonly Column[];
  readonly types: readonly FedType[];
}

/** One feed for all columns that are the same values: the target of an autoencoder is its input. */
export function shareFeeds(all: readonly Column[]): Feeds {
  const columns: Column[] = [];
  const types = all.map((column) => {
    const { shape, dtype } = column;
    const known = columns.findIndex((other) => sameValues(other, column));
    return { shape, dtype, feed: known < 0 ? columns.push(column) - 1 : known };
  });
  return { columns, types };
}

/** Whether two columns are one when they are fed. Class numbers are not: their values are checked differently. */
const sameValues = (a: Column, b: Column): boolean =>
  a.dtype === b.dtype && a.classes === b.classes && sameShape(a.shape, b.shape) && sameArray(a.source, b.source);

const sameArray = (a: Column['source'], b: Column['source']): boolean =>
  a.constructor === b.constructor && a.buffer === b.buffer && a.byteOffset === b.byteOffset && a.length === b.length;
