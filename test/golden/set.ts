import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { readSafetensors, type StoredValues } from '../../lib/io/safetensors';

export interface Entry {
  readonly key: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  /** A letter for each axis, such as NCHW. */
  readonly axes?: string;
  /** Outputs and gradients: |got - expected| <= atol + rtol |expected|. */
  readonly rtol?: number;
  readonly atol?: number;
  /** The value is a strided window on this flat storage. */
  readonly view?: { readonly shape: number[]; readonly strides: number[]; readonly offset: number };
}
export type Entries = Readonly<Record<string, Entry>>;

// biome-ignore lint/suspicious/noExplicitAny: attributes differ from operation to operation
export type Attributes = Readonly<Record<string, any>>;

export interface Check {
  readonly what: string;
  readonly expect?: number | null;
  readonly abs_tol?: number;
  readonly rel_tol?: number;
}

/** One case of a golden set (schema golden/1). */
export interface GoldenCase {
  readonly id: string;
  readonly group: string;
  readonly op: string;
  readonly attrs: Attributes;
  readonly tags: readonly string[];
  readonly inputs?: Entries;
  readonly outputs?: Entries;
  readonly upstream?: Entries;
  readonly grads?: Entries;
  readonly checks?: readonly Check[];
}

export interface GoldenSet {
  readonly folder: string;
  readonly cases: readonly GoldenCase[];
  values(group: string, entry: Entry): StoredValues;
}

interface Manifest {
  readonly schema: string;
  readonly files: Readonly<Record<string, { readonly file: string }>>;
  readonly cases: readonly GoldenCase[];
}

/** A plain file, or its gzipped form next to where it would be. */
const locate = (file: string): string => (existsSync(file) ? file : `${file}.gz`);

/**
 * Opens a folder with `manifest.json` and the safetensors files that it names, each plain or gzipped.
 *
 * @throws Error when there is no manifest or it has another schema
 */
export function openSet(folder: string): GoldenSet {
  const file = locate(path.join(folder, 'manifest.json'));
  if (!existsSync(file)) throw new Error(`golden: ${folder} has no manifest.json`);
  const raw = readFileSync(file);
  const manifest = JSON.parse((file.endsWith('.gz') ? gunzipSync(raw) : raw).toString()) as Manifest;
  if (manifest.schema !== 'golden/1') {
    throw new Error(`golden: ${file} has schema ${manifest.schema}, expected golden/1`);
  }
  const files = new Map<string, ReturnType<typeof readSafetensors>>();
  return {
    folder,
    cases: manifest.cases,
    values(group, { key }) {
      let tensors = files.get(group);
      if (tensors === undefined) {
        const name = locate(path.join(folder, manifest.files[group].file));
        const bytes = readFileSync(name);
        tensors = readSafetensors(name, name.endsWith('.gz') ? gunzipSync(bytes) : bytes);
        files.set(group, tensors);
      }
      const tensor = tensors.get(key);
      if (tensor === undefined) throw new Error(`golden: group ${group} has no tensor ${key}`);
      return tensor.values;
    },
  };
}
