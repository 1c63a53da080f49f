import type { StoredType, TensorEntry } from '../../io/safetensors.js';
import { SafetensorsFile } from '../../io/safetensors-file.js';
import { type DType, formatType, type HostData, sameShape, type Variable } from '../../ir/graph.js';

/** Types in files that convert to a variable's type without loss. */
const readable: Readonly<Record<DType, readonly StoredType[]>> = {
  float32: ['F32', 'F16', 'BF16'],
  int32: ['I32', 'I64'],
  bool: ['BOOL', 'U8'],
  int8: ['I8'],
  bfloat16: ['BF16'],
};

/** The first few of many names. */
const some = (names: readonly string[]): string =>
  names.length <= 5 ? names.join(', ') : `${names.slice(0, 5).join(', ')} and ${names.length - 5} more`;

/**
 * Which tensor of a file belongs to which variable: all of them, and no others.
 *
 * @throws Error naming the file and the tensor that is missing, unknown, or has another shape or type
 */
export function matchTensors(
  { path, entries }: SafetensorsFile,
  variables: ReadonlyMap<string, Variable>,
): Map<Variable, TensorEntry> {
  const missing = [...variables.keys()].filter((name) => !entries.has(name));
  if (missing.length > 0) throw new Error(`${path}: has no tensor ${some(missing)}`);
  const extra = [...entries.keys()].filter((name) => !variables.has(name));
  if (extra.length > 0) throw new Error(`${path}: the model has nothing for the tensor ${some(extra)}`);
  const matched = new Map<Variable, TensorEntry>();
  for (const [name, variable] of variables) {
    const entry = entries.get(name) as TensorEntry;
    if (!sameShape(entry.shape, variable.shape) || !readable[variable.dtype].includes(entry.dtype)) {
      throw new Error(
        `${path}: tensor '${name}' is ${entry.dtype}[${entry.shape.join(', ')}], the model needs ${formatType(variable)}`,
      );
    }
    matched.set(variable, entry);
  }
  return matched;
}

/** @throws Error when a value that should be a bool is not 0 or 1 */
export async function readVariable(file: SafetensorsFile, variable: Variable, entry: TensorEntry): Promise<HostData> {
  const values = (await file.read(entry)) as HostData;
  if (variable.dtype === 'bool' && values.some((v) => v > 1)) {
    throw new Error(`${file.path}: tensor '${entry.name}' must hold bools, 0 or 1`);
  }
  return values;
}

/**
 * Reads a whole file.
 *
 * @throws Error naming the file and the tensor that does not fit
 */
export async function readTensors(
  path: string,
  variables: ReadonlyMap<string, Variable>,
): Promise<Map<Variable, HostData>> {
  const file = await SafetensorsFile.open(path);
  try {
    const values = new Map<Variable, HostData>();
    for (const [variable, entry] of matchTensors(file, variables)) {
      values.set(variable, await readVariable(file, variable, entry));
    }
    return values;
  } finally {
    await file.close();
  }
}
