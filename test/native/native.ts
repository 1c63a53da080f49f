// The built addon, as the tests of the native runtime use it.
import path from 'node:path';
import type { Job } from '../../lib/runtime/addon.js';
import { loadAddon } from '../../lib/runtime/native.js';

export const root = path.join(__dirname, '..', '..');
export const addon = loadAddon();

/** A job with the parts that most tests leave alone. */
export const job = (parts: Partial<Job>): Job => ({
  segments: [],
  feeds: [],
  fetches: [],
  begin: 0,
  end: 0,
  firstRow: 0,
  ...parts,
});
