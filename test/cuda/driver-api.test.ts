// Our declarations of NVIDIA's driver API beside those of its own header, where there is a toolkit.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const root = path.join(__dirname, '..', '..');
const toolkits = [
  ...[process.env.CUDA_HOME, process.env.CUDA_PATH].filter((folder) => folder !== undefined),
  ...(process.env.PATH ?? '').split(':').map((folder) => path.join(folder, '..')),
  '/usr/local/cuda',
];
const headers = toolkits
  .map((folder) => path.join(folder, 'include'))
  .find((folder) => existsSync(path.join(folder, 'cuda.h')) && existsSync(path.join(folder, 'cudaTypedefs.h')));

/** Compiles test/cuda/driver_api.cc with a change in our header. Its errors, without what surrounds them. */
function compared(from: string, to: string): string[] {
  const folder = mkdtempSync(path.join(tmpdir(), 'steepest-driver-api-'));
  const put = (name: string, text: string): string => {
    const file = path.join(folder, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
    return file;
  };
  const own = 'native/cuda/driver_api.h';
  const text = readFileSync(path.join(root, own), 'utf8');
  const changed = text.replace(from, to);
  expect(changed !== text).toBe(from !== '');
  put(own, changed);
  put('native/cuda/kernels/tensor_map.h', readFileSync(path.join(root, 'native/cuda/kernels/tensor_map.h'), 'utf8'));
  const check = put('test/cuda/driver_api.cc', readFileSync(path.join(root, 'test/cuda/driver_api.cc'), 'utf8'));
  const { status, stderr } = spawnSync('g++', ['-std=c++20', '-fsyntax-only', '-I', headers ?? '', check], {
    encoding: 'utf8',
  });
  rmSync(folder, { recursive: true });
  const errors = [...stderr.matchAll(/ error: static assertion failed: (.*)/g)].map((match) => match[1] as string);
  expect([status === 0, stderr]).toEqual([errors.length === 0, status === 0 ? '' : expect.anything()]);
  return errors;
}

(headers === undefined ? describe.skip : describe)('the declarations of the driver API', () => {
  test.each([
    ['are those of cuda.h', '', '', []],
    ['differ by a number', 'kLaunchFailed = 719', 'kLaunchFailed = 718', ['CUDA_ERROR_LAUNCH_FAILED']],
    ['differ by a version', '"cuMemFree_v2"', '"cuMemFree"', ['cuMemFree: name']],
    ['differ by the size of a parameter', '(CUdeviceptr address)', '(int address)', ['cuMemFree_v2: parameters']],
    ['differ by what an address is of', 'int* options', 'size_t* options', ['cuModuleLoadDataEx: parameters']],
    ['lack a parameter', '(CUstream stream, int mode)', '(CUstream stream)', ['cuStreamBeginCapture_v2: parameters']],
    ['differ by a layout', 'void* attributes;', 'int attributes;', expect.arrayContaining(['sizeof(CUlaunchConfig)'])],
  ] as const)('%s', (_, from, to, errors) => {
    expect(compared(from, to)).toEqual(errors);
  });
});
