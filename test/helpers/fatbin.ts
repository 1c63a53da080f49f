// Fat binaries, as nvcc and fatbinary write them: no tool of CUDA is needed to read them.

/** One image of a fat binary: machine code, or PTX. */
export interface FatEntry {
  readonly isPtx: boolean;
  /** 80, 90, 120. */
  readonly architecture: number;
  /** Of PTX, '7.0': what a driver looks at before it reads any of it. */
  readonly version: string;
  readonly compression: 'none' | 'lz4' | 'zstd';
  /** As it is in the file, padded. */
  readonly data: Buffer;
  readonly compressedBytes: number;
  /** Of what is compressed. */
  readonly bytes: number;
}

const magic = 0xba55ed50;
const ptxKind = 1; // 2 is machine code
const flagLz4 = 0x2000;
const flagZstd = 0x8000;

/** The entries of each fat binary of a file, in which they are one behind the other. */
export function fatBinaries(file: Buffer): FatEntry[][] {
  const all: FatEntry[][] = [];
  for (let at = 0; at < file.length; ) {
    if (file.readUInt32LE(at) !== magic) throw new Error(`no fat binary at byte ${at}`);
    const end = at + file.readUInt16LE(at + 6) + Number(file.readBigUInt64LE(at + 8));
    const entries: FatEntry[] = [];
    for (at += file.readUInt16LE(at + 6); at < end; ) {
      const [headerBytes, bytes] = [file.readUInt32LE(at + 4), Number(file.readBigUInt64LE(at + 8))];
      const flags = file.readUInt32LE(at + 40);
      entries.push({
        isPtx: file.readUInt16LE(at) === ptxKind,
        architecture: file.readUInt32LE(at + 28),
        version: `${file.readUInt16LE(at + 26)}.${file.readUInt16LE(at + 24)}`,
        compression: (flags & flagLz4) !== 0 ? 'lz4' : (flags & flagZstd) !== 0 ? 'zstd' : 'none',
        data: file.subarray(at + headerBytes, at + headerBytes + bytes),
        compressedBytes: file.readUInt32LE(at + 16),
        bytes: Number(file.readBigUInt64LE(at + 56)),
      });
      at += headerBytes + bytes;
    }
    all.push(entries);
  }
  return all;
}

/** The PTX of an entry that is compressed by LZ4, whose blocks are runs of literals and of what was there before. */
export function textOf(entry: FatEntry): string {
  if (entry.compression !== 'lz4') throw new Error(`compressed by ${entry.compression}, not by lz4`);
  const from = entry.data.subarray(0, entry.compressedBytes);
  const to = Buffer.alloc(entry.bytes);
  let [read, wrote] = [0, 0];
  const next = (): number => from.readUInt8(read++);
  /** A length of 15 goes on in the bytes that follow, up to the first that is not 255. */
  const length = (start: number): number => {
    let all = start;
    for (let more = start === 15 ? 255 : 0; more === 255; all += more) more = next();
    return all;
  };
  while (read < from.length) {
    const token = next();
    const literals = length(token >> 4);
    from.copy(to, wrote, read, read + literals);
    read += literals;
    wrote += literals;
    if (read >= from.length) break; // the last run is of literals
    const back = from.readUInt16LE(read);
    read += 2;
    const end = wrote + length(token & 15) + 4;
    for (; wrote < end; ++wrote) to[wrote] = to.readUInt8(wrote - back); // it may overlap itself
  }
  if (wrote !== entry.bytes) throw new Error(`${wrote} bytes came out, not ${entry.bytes}`);
  return to.toString('latin1').replace(/\0+$/, '');
}
