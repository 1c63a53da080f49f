import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const root = path.join(__dirname, '..', '..');

/** What the compiler says about a program that is checked like the library. */
function compile(file: string, config: string): string {
  writeFileSync(
    config,
    JSON.stringify({
      extends: path.join(root, 'tsconfig.json'),
      // the tests import without extension, as jest resolves them
      compilerOptions: {
        rootDir: root,
        noEmit: true,
        module: 'esnext',
        moduleResolution: 'bundler',
        typeRoots: [path.join(root, 'node_modules/@types')],
      },
      include: [],
      files: [file],
    }),
  );
  const tsc = path.join(root, 'node_modules', '.bin', 'tsc');
  const { stdout, stderr } = spawnSync(tsc, ['-p', config], { encoding: 'utf8' });
  return stdout + stderr;
}

test('the compiler accepts right names and refuses wrong ones', () => {
  const folder = mkdtempSync(path.join(root, 'test', 'types', '.check-'));
  try {
    const config = path.join(folder, 'tsconfig.json');
    expect(compile(path.join(__dirname, 'training.ts'), config)).toBe('');
    const wrong = path.join(folder, 'wrong.ts');
    writeFileSync(
      wrong,
      `import { optimizers } from '../../training/library';\nexport const wrong: string = optimizers.adam();\n`,
    );
    expect(compile(wrong, config)).toMatch(/TS2322/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
