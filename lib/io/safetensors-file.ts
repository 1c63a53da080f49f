import { InputFile } from './files.js';
import {
  bytesOf,
  checkValues,
  convertValues,
  emptyValues,
  headerBytes,
  isVerbatim,
  parseHeader,
  type StoredValues,
  storedSize,
  type TensorEntry,
} from './safetensors.js';

/** Bytes that are converted at once. A multiple of every value's size. */
const chunkBytes = 1 << 20;

/** A safetensors file that is open: its header has been checked, its tensors are read one by one. */
export class SafetensorsFile {
  private constructor(
    readonly file: InputFile,
    readonly entries: ReadonlyMap<string, TensorEntry>,
  ) {}

  get path(): string {
    return this.file.path;
  }

  /** @throws Error naming the file when it cannot be read or is not valid */
  static async open(path: string): Promise<SafetensorsFile> {
    const file = await InputFile.open(path);
    try {
      const prefix = new Uint8Array(Math.min(8, file.bytes));
      await file.read(prefix, 0);
      const header = new Uint8Array(headerBytes(path, prefix, file.bytes));
      await file.read(header, 8);
      return new SafetensorsFile(file, parseHeader(path, header, file.bytes));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** @throws Error when the file has changed meanwhile, or a value is not valid */
  async read(entry: TensorEntry): Promise<StoredValues> {
    const values = emptyValues(entry);
    if (isVerbatim(entry)) await this.file.read(bytesOf(values), entry.begin);
    else await this.#convert(entry, values);
    checkValues(this.path, entry, values);
    return values;
  }

  async #convert(entry: TensorEntry, values: StoredValues): Promise<void> {
    const chunk = new Uint8Array(Math.min(chunkBytes, entry.bytes));
    for (let done = 0; done < entry.bytes; done += chunk.length) {
      const part = chunk.subarray(0, Math.min(chunk.length, entry.bytes - done));
      await this.file.read(part, entry.begin + done);
      convertValues(this.path, entry, part, values, done / storedSize(entry));
    }
  }

  close(): Promise<void> {
    return this.file.close();
  }
}
