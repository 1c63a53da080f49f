// The emulated driver has to notice what a GPU would fault on, or worse, would not. And what the library makes of faults.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { Random } from '../helpers/random';
import { emulated, onDevice } from './device';
import { compile } from './planted';
import { feedsOf, transposedPlan } from './random-plans';
import { results } from './run-plans';

const root = path.join(__dirname, '..', '..');

onDevice('the emulator', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'steepest-emulator-'));
  const program = path.join(folder, 'check');
  beforeAll(() => {
    compile(program, ['check'], []);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const run = (...words: string[]) => {
    const { stdout, stderr } = spawnSync(program, words, { encoding: 'utf8' });
    return `${stdout.trim()} ${stderr.trim()}`.trim();
  };

  test('runs barriers and shuffles', () => {
    // neighbours: 1, 2, ..., 63, 0; then each with the lane beside it
    expect(run('right')).toBe('3 3 63 0 0');
  });

  test('copies host memory as it is when the copy runs', () => {
    expect(run('stale')).toBe('5 0 0');
  });

  test.each([
    ['an allocation by a thread that captures', 'allocation', '900 0', 'memory is allocated by a thread that captures'],
    ['a write behind a block', 'behind', '700 700', 'wrote behind a block of 256 bytes'],
    ['a write in front of a block', 'front', '700 700', 'wrote in front of a block of 256 bytes'],
    ['host memory given to a kernel', 'host', '700 700', 'a host address among the parameters'],
    ['a barrier that some threads do not reach', 'deadlock', '719 719', 'a barrier that not all threads'],
    ['a block of more threads than its kernel is bounded to', 'wide', '1 0', 'more threads than the kernel'],
    ['a copy to host memory as if it were the device', 'copy', '1 0', 'not inside device memory'],
    ['a copy to device memory as if it were the host', 'out', '1 0', 'a device address where a host address belongs'],
    ['a copy that is too long', 'long', '1 0', 'not inside device memory'],
  ])('notices %s', (_, what, results, message) => {
    expect(run(what)).toMatch(new RegExp(`^${results} .*${message}`));
  });

  test.each([
    ['as it should be', /^0$/],
    ['map', /^1 .*not at a multiple of 64 bytes/],
    ['address', /^1 .*not at a multiple of 16 bytes/],
    ['memory', /^1 .*not inside device memory/],
    ['axes', /^1 .*has not three to five axes/],
    ['axis', /^1 .*an axis that there cannot be/],
    ['stride', /^1 .*a stride that there cannot be/],
    ['overlap', /^1 .*axes overlap/],
    ['step', /^1 .*a step that is not 1 to 8/],
    ['run', /^1 .*runs longer than the swizzle/],
    ['pixels', /^1 .*patches that are too large/],
    ['corner', /^1 .*corners of too many bits/],
    ['corners', /^1 .*corners of too many bits/],
    ['empty', /^1 .*an empty box/],
  ])('a tensor map of patches: %s', (other, result) => {
    expect(run('tensor map', other)).toMatch(result);
  });

  test.each([
    ['as it should be', /^0 0$/],
    ['graph that is gone', /^0 0$/],
    ['graph', /^700 700 .*unloads a module whose kernel is under way, or in a graph/],
    ['under way', /^700 700 .*unloads a module whose kernel is under way, or in a graph/],
    ['while capturing', /^900 0 .*a module is unloaded by a thread that captures/],
    ['twice', /^400 0 .*unloads a module that is not loaded/],
    ['launch', /^400 0 .*a kernel of a module that is unloaded/],
    ['shared memory', /^400 0 .*a kernel of a module that is unloaded/],
  ])('unloading: %s', (other, result) => {
    expect(run('unload', other)).toMatch(result);
  });

  describe('PTX', () => {
    let text = '';
    beforeAll(() => {
      const texts = path.join(folder, 'texts');
      mkdirSync(texts);
      results([transposedPlan(feedsOf(new Random(1), true))], 'cuda:0', { STEEPEST_EMULATED_PTX: texts });
      const all = readdirSync(texts).map((name) => readFileSync(path.join(texts, name), 'utf8'));
      text = all.find((one) => one.includes('.entry map(')) as string;
    });
    const changed = (from: string | RegExp, to: string) => {
      const file = path.join(folder, 'changed.ptx');
      const other = text.replace(from, to);
      expect(from === '' || other !== text).toBe(true);
      writeFileSync(file, other);
      return run('ptx', file);
    };

    test('runs', () => {
      // the second element of a row is in the next column
      expect(changed('', '')).toBe('0 -0 -8 -1 -47');
    });

    test('a wrong stride shows in the result, or as an access beyond memory', () => {
      const stride = /(mad\.lo\.s32 %r\d+, %r\d+, )8,/;
      expect(changed(stride, '$17,')).toBe('0 -0 -7 -1 -42');
      expect(changed(stride, '$19,')).toMatch(/^700 .*map, line \d+: an address that is not inside device memory/);
    });

    test.each([
      ['an unknown instruction', /neg\.f32/, 'neg.f16', 'line \\d+: unknown instruction neg.f16'],
      ['a register of another type', /neg\.f32 (%f\d+), %f/, 'neg.f32 $1, %r', 'line \\d+: %r\\d+ is not of type f32'],
      ['a register that is not declared', /neg\.f32 %f\d+/, 'neg.f32 %f99', 'line \\d+: %f99 is not declared'],
      ['a register that nothing has written', /\tld\.global.*\n/, '', 'line \\d+: %f0 is read before it is written'],
      ['a branch to nowhere', /bra L1/, 'bra L9', 'line \\d+: there is no label L9'],
      ['a newer version', '.version 7.0', '.version 8.0', "line 1: expected '.version 7.0' or 7.8, got '.version 8.0'"],
      ['more parameters than there can be', /arguments\[\d+\]/, 'arguments[4104]', 'line \\d+: more than 4096 bytes'],
      ['no semicolon', 'ret;', 'ret', "line \\d+: expected ';'"],
    ])('refuses %s, with its line', (_, from, to, message) => {
      expect(changed(from, to)).toMatch(new RegExp(`^218 ${message}`));
    });

    test('an address that is not a multiple of the size', () => {
      expect(changed(/mad\.wide\.s32 (%q\d+), (%r\d+), 4/, 'mad.wide.s32 $1, $2, 3')).toMatch(
        /^700 .*an address that is not a multiple of 4/,
      );
    });
  });
});

onDevice('a device that fails', () => {
  /** Trains on the device in a process of its own; prints the error, and what the CPU does afterwards. */
  const script = `
    const { devices, sequential, layers, tensor } = require('steepest');
    const numbers = (n, f) => Float32Array.from({ length: n }, (_, i) => f(i));
    const x = tensor(numbers(1 << 18, Math.sin), [4096, 64]), y = tensor(numbers(4096, Math.cos), [4096, 1]);
    const train = async (device) => {
      const model = sequential([layers.dense({ units: 8, inputShape: [64] }), layers.dense({ units: 1 })]);
      model.compile({ optimizer: 'sgd', loss: 'meanSquaredError', device, seed: 1 });
      const { history } = await model.fit(x, y, { epochs: 2, batchSize: 256 });
      return history.loss.map((loss) => loss.toPrecision(4)).join();
    };
    (async () => {
      console.log(devices().map((d) => d.name).join());
      for (const device of ['cuda:0', 'cuda:0', 'cpu']) {
        await train(device).then((losses) => console.log('trained', losses), (e) => console.log(e.code, e.message));
      }
    })();`;
  const lines = (env: Record<string, string>): string[] =>
    spawnSync(process.execPath, ['-e', script], {
      cwd: root,
      encoding: 'utf8',
      env: { ...process.env, STEEPEST_CUDA_DRIVER: emulated, STEEPEST_CUDA_KERNELS: emulated, ...env },
    })
      .stdout.trim()
      .split('\n');

  test('none: without a driver there is the CPU, and the error says what was tried', () => {
    const [list, first, , last] = lines({ STEEPEST_CUDA_DRIVER: '/nowhere/libcuda.so.1' });
    expect(list).toBe('cpu');
    expect(first).toMatch(
      /compile: device: there is no device 'cuda:0', only 'cpu' \(no CUDA device: \/nowhere\/libcuda.so.1: cannot open/,
    );
    expect(last).toMatch(/^trained/);
  });

  test('trains when nothing fails', () => {
    const [list, first, second, last] = lines({});
    expect(list).toBe('cpu,cuda:0');
    expect(first).toMatch(/^trained \d\.\d+,/);
    expect([second, last]).toEqual([first, first]); // on the CPU too
  });

  test('no devices', () => {
    const [list, first] = lines({ STEEPEST_EMULATED_DEVICES: '0' });
    expect(list).toBe('cpu');
    expect(first).toMatch(/CUDA_ERROR_NO_DEVICE: no CUDA-capable device is detected/);
  });

  test('a driver that is too old', () => {
    expect(lines({ STEEPEST_EMULATED_VERSION: '11080' })[1]).toMatch(
      /the driver is for CUDA 11.8, 12.0 or newer is needed/,
    );
  });

  test('no kernels', () => {
    expect(lines({ STEEPEST_CUDA_KERNELS: '/nowhere/kernels' })[1]).toBe(
      'ERR_DEVICE_MISSING cuda:0: this build has no CUDA kernels: /nowhere/kernels is not there; ' +
        'npm install steepest-cuda brings them',
    );
  });

  test.each([
    [
      'a newer compiler',
      '200',
      'TOO_OLD',
      /the driver, for CUDA 12\.4, cannot read the kernels in .*: a driver for the CUDA /,
    ],
    ['newer PTX', '222', 'TOO_OLD', /the driver, for CUDA 12\.4, cannot read the kernels in /],
    [
      'another GPU',
      '209',
      'MISSING',
      /no kernels for this GPU, of compute capability 8\.0, in .* that the driver, for CUDA 12\.4,/,
    ],
  ])('kernels of %s', (_, result, code, message) => {
    const env = { STEEPEST_EMULATED_VERSION: '12040', STEEPEST_EMULATED_CAPABILITY: '80' };
    const [, first, , last] = lines({ ...env, STEEPEST_EMULATED_LOADING: result });
    expect(first).toMatch(message);
    expect(first).toMatch(`ERR_DEVICE_${code} cuda:0: `);
    expect(last).toMatch(/^trained/);
  });

  /** What the driver calls the results that it is asked to give. */
  const nameOf: Record<string, string> = {
    200: 'CUDA_ERROR_INVALID_IMAGE',
    209: 'CUDA_ERROR_NO_BINARY_FOR_GPU',
    218: 'CUDA_ERROR_INVALID_PTX',
    221: 'CUDA_ERROR_JIT_COMPILER_NOT_FOUND',
    222: 'CUDA_ERROR_UNSUPPORTED_PTX_VERSION',
  };

  describe('files', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'steepest-files-'));
    const file = path.join(folder, 'file');
    afterAll(() => rmSync(folder, { recursive: true }));
    /** A fat binary of this many bytes behind its header, of which some are there. */
    const image = (bytes: number, there = bytes, headerBytes = 16, magic = 0xba55ed50): Buffer => {
      const header = Buffer.alloc(16);
      header.writeUInt32LE(magic, 0);
      header.writeUInt16LE(1, 4);
      header.writeUInt16LE(headerBytes, 6);
      header.writeBigUInt64LE(BigInt(bytes), 8);
      return Buffer.concat([header, Buffer.alloc(there)]);
    };
    const first = (parts: readonly Buffer[], env: Record<string, string> = {}): string | undefined => {
      writeFileSync(file, Buffer.concat(parts));
      return lines({ STEEPEST_CUDA_KERNELS: file, ...env })[1];
    };
    /** A fat binary of one entry that is PTX. */
    const ptx = (bytes: number): Buffer => {
      const made = image(bytes);
      made.writeUInt16LE(1, 16);
      return made;
    };
    /** The first line for kernels of two families, and what was loaded. */
    const loaded = (loading: string, version = '12040'): [string | undefined, string[]] => {
      const log = path.join(folder, 'loaded');
      writeFileSync(log, '');
      const line = first([image(64), ptx(32), image(48), ptx(96)], {
        ...{ STEEPEST_EMULATED_LOADING: loading, STEEPEST_EMULATED_LOADED: log },
        ...{ STEEPEST_EMULATED_VERSION: version, STEEPEST_EMULATED_CAPABILITY: '90' },
      });
      return [line, readFileSync(log, 'utf8').trim().split('\n')];
    };

    test('machine code that can be used is all that is loaded', () => {
      const [line, what] = loaded('0 222');
      expect(line).toMatch(/^trained/);
      expect(what).toEqual(['code 80 0', 'code 64 0']);
    });

    test.each(['200', '209', '222'])('PTX is assembled where machine code gives %s', (result) => {
      const [line, what] = loaded(`${result} 0`);
      expect(line).toBe(lines({})[1]); // the same losses
      expect(what).toEqual([`code 80 ${result}`, 'ptx 48 0', `code 64 ${result}`, 'ptx 112 0']);
    });

    test.each([
      ['200 221', 'TOO_OLD', 'cannot read the kernels'],
      ['209 222', 'TOO_OLD', 'cannot read the kernels'],
      ['209 209', 'MISSING', 'no kernels for this GPU, of compute capability 9.0'],
      ['209 218', 'MISSING', 'no kernels for this GPU, of compute capability 9.0'],
    ])('neither can be used: %s', (loading, code, message) => {
      const [line, what] = loaded(loading);
      const [machineCode, text] = loading.split(' ');
      expect(line).toContain(`ERR_DEVICE_${code} cuda:0: `);
      expect(line).toContain(message);
      expect(line).toContain(`${file}`);
      expect(line).toContain('the driver, for CUDA 12.4,');
      expect(line).toContain(
        `(machine code: ${nameOf[machineCode as string]}: emulated; PTX: ${nameOf[text as string]}: emulated)`,
      );
      expect(new Set(what)).toEqual(new Set([`code 80 ${machineCode}`, `ptx 48 ${text}`]));
    });

    test.each([
      ['2 0', 'ERR_OUT_OF_MEMORY cuda:0: loading kernels: CUDA_ERROR_OUT_OF_MEMORY'],
      ['700 0', 'ERR_DEVICE_LOST cuda:0: the device was lost to a fault while loading kernels'],
      ['803 0', 'ERR_DEVICE cuda:0: loading kernels: '],
      ['209 2', 'ERR_OUT_OF_MEMORY cuda:0: assembling kernels: CUDA_ERROR_OUT_OF_MEMORY'],
      ['209 719', 'ERR_DEVICE_LOST cuda:0: the device was lost to a fault while assembling kernels'],
    ])('what no other image would mend is what the driver says: %s', (loading, message) => {
      const [line, what] = loaded(loading);
      expect(line).toContain(message);
      expect(what).not.toContain('ptx 48 0');
    });

    test('kernels in several images', () => {
      expect(first([image(64), image(0), image(32)])).toMatch(/^trained/);
    });

    test.each([
      ['in an image', [image(64), image(64, 63)], 'cut off at byte 80 of 159'],
      ['in a header', [image(64), image(0).subarray(0, 15)], 'cut off at byte 80 of 95'],
      ['with an image of no possible length', [image(2 ** 52, 64)], 'cut off at byte 0 of 80'],
      ['with a header of no length', [image(64, 64, 0)], 'cut off at byte 0 of 80'],
      ['with something else behind an image', [image(64), Buffer.alloc(64)], 'cut off at byte 80 of 144'],
    ])('kernels that are cut off: %s', (_, parts, why) => {
      expect(first(parts)).toBe(`ERR_DEVICE_MISSING cuda:0: cannot read kernels from ${file}: it is damaged or ${why}`);
    });

    test('no kernels in the file', () => {
      expect(first([])).toMatch(/^ERR_DEVICE_MISSING cuda:0: this build has no CUDA kernels/);
    });

    /** A copy of the driver that lacks a function. */
    const without = (symbol: string): string => {
      const bytes = readFileSync(emulated);
      for (let at = bytes.indexOf(symbol); at >= 0; at = bytes.indexOf(symbol, at + 1)) bytes[at] = 'x'.charCodeAt(0);
      writeFileSync(file, bytes);
      return file;
    };

    test('a driver that lacks a function', () => {
      const [list, error] = lines({ STEEPEST_CUDA_DRIVER: without('cuTensorMapEncodeTiled') });
      expect(list).toBe('cpu');
      expect(error).toContain(`no CUDA device: ${file}: has no cuTensorMapEncodeTiled`);
    });

    test('an old driver that lacks a function is called old', () => {
      const driver = { STEEPEST_CUDA_DRIVER: without('cuTensorMapEncodeTiled'), STEEPEST_EMULATED_VERSION: '11040' };
      expect(lines(driver)[1]).toContain('the driver is for CUDA 11.4, 12.0 or newer is needed');
    });

    test('a file that is no library', () => {
      writeFileSync(file, 'nothing');
      const [list, error] = lines({ STEEPEST_CUDA_DRIVER: file });
      expect(list).toBe('cpu');
      expect(error).toContain(`no CUDA device: ${file}: `);
    });
  });

  test.each([1, 9])('no memory for launch %d is an error that leaves the device in use', (launch) => {
    const [, first, second, last] = lines({ STEEPEST_EMULATED_REFUSE: String(launch) });
    expect(first).toMatch(/^ERR_OUT_OF_MEMORY cuda:0: running the kernel .*: CUDA_ERROR_OUT_OF_MEMORY/);
    expect(second).toMatch(/^trained/);
    expect(second).toBe(last);
  });

  test('no memory for a launch that is captured: it is launched without a graph', () => {
    const [, first, , last] = lines({ STEEPEST_EMULATED_REFUSE: '20' });
    expect(first).toMatch(/^trained/);
    expect(first).toBe(last);
  });

  test('with STEEPEST_CUDA_STRICT=1 that is an error', () => {
    const [, first, second, last] = lines({ STEEPEST_EMULATED_REFUSE: '20', STEEPEST_CUDA_STRICT: '1' });
    expect(first).toMatch(/^ERR_OUT_OF_MEMORY cuda:0: making a graph of a step: CUDA_ERROR_OUT_OF_MEMORY/);
    expect([second, last]).toEqual([expect.stringMatching(/^trained/), second]);
  });

  test('out of memory is an error that leaves the device in use', () => {
    const [, first, , last] = lines({ STEEPEST_EMULATED_MEMORY: '20000' });
    expect(first).toMatch(/^ERR_OUT_OF_MEMORY out of memory on cuda:0: \d+ bytes wanted, \d+ of 20000 free$/);
    expect(last).toMatch(/^trained/);
  });

  test('a data set that does not fit is fed batch by batch', () => {
    // the rest takes less than half a megabyte, x one megabyte
    expect(lines({ STEEPEST_EMULATED_MEMORY: '1000000' })).toEqual(lines({}));
  });

  test('a fault loses the device for the process, and the CPU goes on', () => {
    const [, first, second, last] = lines({ STEEPEST_EMULATED_FAULT: '9' });
    expect(first).toMatch(
      /^ERR_DEVICE_LOST cuda:0: the device was lost to a fault while (copying from|waiting for) the device: CUDA_ERROR_ILLEGAL_ADDRESS/,
    );
    expect(second).toBe(first);
    expect(last).toMatch(/^trained/);
  });

  test('with STEEPEST_CUDA_SYNC=1 the instruction that faults is named', () => {
    const [, first, second] = lines({ STEEPEST_EMULATED_FAULT: '9', STEEPEST_CUDA_SYNC: '1' });
    expect(first).toMatch(
      /^ERR_DEVICE_LOST cuda:0: .* while running the kernel \w+ of instruction \d+ \(\w+\): CUDA_ERROR_ILLEGAL_ADDRESS/,
    );
    expect(second).toBe(first);
  });
});
