// What the built addon asks of the machine it will run on.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const root = path.join(__dirname, '..', '..');
const addon = path.join(root, 'build/Release/steepest.node');
const objects = path.join(root, 'build/CMakeFiles/steepest.dir/native/cpu/simd');

const tool = (name: string, ...args: string[]): string =>
  execFileSync(name, args, { encoding: 'utf8', maxBuffer: 1 << 26 });

/** Versions as numbers, so that 2.9 is below 2.28. */
const minor = (version: string): number => Number(version.split('.')[1]);

const onLinuxX64 = process.platform === 'linux' && process.arch === 'x64' ? describe : describe.skip;

onLinuxX64('on Linux x64', () => {
  test('is less than 3.6 MB where it is installed, which is without symbols', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'steepest-'));
    const stripped = path.join(folder, 'steepest.node');
    tool('strip', '-o', stripped, addon);
    const { size } = statSync(stripped);
    rmSync(folder, { recursive: true });
    expect(size).toBeLessThan(3.6e6);
  });

  test('runs with glibc 2.28', () => {
    const versions = [...tool('objdump', '-T', addon).matchAll(/GLIBC_(2\.\d+)[^\n]*?(\w+)$/gm)];
    expect(versions.length).toBeGreaterThan(0);
    const tooNew = versions
      .filter(([, version = '']) => minor(version) > 28)
      .map(([, version, name]) => `${name}@${version}`);
    expect(tooNew).toEqual([]);
  });

  test('brings its own libstdc++ and exports nothing but the entry points of Node-API', () => {
    expect(
      tool('objdump', '-p', addon)
        .match(/NEEDED\s+\S+/g)
        ?.map((line) => line.split(/\s+/)[1]),
    ).not.toContain('libstdc++.so.6');
    const defined = tool('nm', '-D', '--defined-only', addon)
      .trim()
      .split('\n')
      .map((line) => line.split(' ').pop());
    expect(defined.filter((name) => !/^(node_api|napi)_/.test(name ?? ''))).toEqual([]);
  });

  // Node binds functions when they are first called: without this a missing one would crash then.
  test('defines everything that it calls, but for Node-API and the system libraries', () => {
    const undefinedNames = tool('nm', '-D', '--undefined-only', addon).match(/(?<= U )\S+/g) ?? [];
    expect(undefinedNames.length).toBeGreaterThan(0);
    expect(undefinedNames.filter((name) => !/^napi_|^node_api_|@/.test(name))).toEqual([]);
  });

  // The linker keeps one copy of an inline function for the whole addon. Were it the one from a file compiled for AVX-512, the
  // addon would crash on every older CPU.
  test.each(['avx2', 'avx512', 'avx512vnni', 'avx512bf16', 'avx512amx'])(
    'target_%s.cc defines no function that others could end up with',
    (target) => {
      const object = path.join(objects, `target_${target}.cc.o`);
      expect(existsSync(object)).toBe(true);
      const weak = tool('nm', '-C', object)
        .split('\n')
        .filter((line) => / [WVu] /.test(line));
      expect(weak).toEqual([]);
    },
  );
});
