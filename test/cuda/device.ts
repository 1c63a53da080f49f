import { existsSync } from 'node:fs';
import path from 'node:path';

/** Where the emulated driver is when it was built: on Linux. */
export const emulated = path.join(__dirname, '..', '..', 'build/Release/libcuda-emulated.so');

export const onDevice = existsSync(emulated) ? describe : describe.skip;
