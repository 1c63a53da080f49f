// What ptxas has made of kernels, read from the machine code in a fat binary: no tool of CUDA is needed for it.
import { fatBinaries } from './fatbin';

/** One kernel for one architecture. */
export interface CompiledKernel {
  readonly name: string;
  /** 80, 90, 120. */
  readonly architecture: number;
  /** Of a thread. */
  readonly registers: number;
  /** The most threads of a block that it can be launched with. */
  readonly threads: number;
  /** Bytes of a thread's own memory: arrays with changing indices, and registers that did not fit. */
  readonly stack: number;
  /** Bytes of shared memory that are declared, without what a launch adds. */
  readonly shared: number;
  /** Instructions that multiply and add float32 numbers with one rounding. */
  readonly fused: number;
}

// Of instructions of 16 bytes, the lowest 12 bits.
const fusedMultiplyAdd = 0x223;

// attributes of .nv.info
const attributeMostThreads = 0x05;
const attributeStack = 0x11;
const attributeRegisters = 0x2f;

interface Section {
  readonly name: string;
  readonly data: Buffer;
  /** Of those that have no data in the file as well. */
  readonly bytes: number;
}

const textAt = (from: Buffer, offset: number): string => from.toString('latin1', offset, from.indexOf(0, offset));

function sectionsOf(elf: Buffer): Section[] {
  const table = Number(elf.readBigUInt64LE(40));
  const count = elf.readUInt16LE(60);
  const header = (i: number) => {
    const at = table + 64 * i;
    const [offset, bytes] = [24, 32].map((field) => Number(elf.readBigUInt64LE(at + field))) as [number, number];
    const inFile = elf.readUInt32LE(at + 4) !== 8; // SHT_NOBITS
    return { name: elf.readUInt32LE(at), data: elf.subarray(offset, inFile ? offset + bytes : offset), bytes };
  };
  const names = header(elf.readUInt16LE(62)).data;
  return Array.from({ length: count }, (_, i) => ({ ...header(i), name: textAt(names, header(i).name) }));
}

function countOf(opcode: number, code: Buffer): number {
  let count = 0;
  for (let at = 0; at + 16 <= code.length; at += 16) if ((code.readUInt16LE(at) & 0xfff) === opcode) count++;
  return count;
}

/** Attributes of kernels and of values: [attribute, words]. */
function* attributesOf(info: Buffer): Generator<[number, number[]]> {
  for (let at = 0; at + 4 <= info.length; ) {
    const [format, attribute, bytes] = [info[at], info[at + 1], info.readUInt16LE(at + 2)] as [number, number, number];
    at += 4;
    if (format !== 4) continue; // the value is in place of a size
    const words = Array.from({ length: bytes >> 2 }, (_, i) => info.readUInt32LE(at + 4 * i));
    yield [attribute, words];
    at += bytes;
  }
}

function kernelsOf(elf: Buffer, architecture: number): CompiledKernel[] {
  const sections = sectionsOf(elf);
  const named = (name: string): Section | undefined => sections.find((section) => section.name === name);
  const symbols = (named('.symtab') as Section).data;
  const symbolNames = (named('.strtab') as Section).data;
  const ofAll = [...attributesOf((named('.nv.info') as Section).data)];
  const valueFor = (attribute: number, kernel: string): number => {
    const found = ofAll.find(
      ([a, [symbol = 0]]) => a === attribute && textAt(symbolNames, symbols.readUInt32LE(24 * symbol)) === kernel,
    );
    if (found === undefined) throw new Error(`${kernel} for ${architecture} has no attribute ${attribute}`);
    return found[1][1] as number;
  };
  return sections
    .filter(({ name }) => name.startsWith('.nv.info.'))
    .map(({ name: section, data }) => {
      const name = section.slice('.nv.info.'.length);
      const bound = [...attributesOf(data)].find(([attribute]) => attribute === attributeMostThreads);
      if (bound === undefined) throw new Error(`${name} for ${architecture} has no __launch_bounds__`);
      return {
        name,
        architecture,
        registers: valueFor(attributeRegisters, name),
        threads: bound[1].reduce((a, b) => a * b, 1),
        stack: valueFor(attributeStack, name),
        shared: named(`.nv.shared.${name}`)?.bytes ?? 0,
        fused: countOf(fusedMultiplyAdd, (named(`.text.${name}`) as Section).data),
      };
    });
}

/** All kernels of a file of fat binaries, one behind the other, for all architectures that there is machine code for. */
export function compiledKernels(file: Buffer): CompiledKernel[] {
  return fatBinaries(file)
    .flat()
    .filter(({ isPtx }) => !isPtx)
    .flatMap(({ data, architecture }) => kernelsOf(data, architecture));
}
