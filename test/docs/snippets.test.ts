// The TypeScript in the documents is compiled and run, and prints what its comments say. The blocks of a section (under
// one "##" or "###" heading) are one program. The examples of docstrings are compiled.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { examplesOf, readFamilies } from './examples';

const root = path.join(__dirname, '..', '..');
const folder = path.join(root, 'out', 'snippets'); // inside the package, so that 'steepest' is found
const documents = ['README.md', 'docs/guide.md', 'docs/images.md', 'docs/preprocessing.md', 'docs/saving.md'];

interface Program {
  /** 'README.md: Models' */
  readonly title: string;
  readonly file: string;
  readonly source: string;
}

/** The programs of a document. */
function programsIn(document: string): Program[] {
  const sections = readFileSync(path.join(root, document), 'utf8').split(/^(?=##? |### )/m);
  return sections.flatMap((section, i) => {
    const source = [...section.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, block]) => block).join('\n');
    if (source === '') return [];
    const title = `${document}: ${(section.split('\n')[0] as string).replace(/^#+ /, '')}`;
    return [{ title, file: `${path.basename(document, '.md').toLowerCase()}-${i}`, source }];
  });
}

/** What `console.log(...); // text` promises. */
const promises = (source: string): string[] =>
  [...source.matchAll(/console\.log\(.*\)\)?; \/\/ (.*)$/gm)].map(([, text]) => text as string);

const node = (...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
  return { status, stdout, stderr };
};

const programs = documents.flatMap(programsIn);

beforeAll(() => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const { file, source } of programs) writeFileSync(path.join(folder, `${file}.mts`), source);
  for (const family of readFamilies())
    writeFileSync(path.join(folder, `reference-${family.name}.mts`), examplesOf(family));
  const options = { rootDir: '.', outDir: 'js', declaration: false, sourceMap: false };
  const config = { extends: '../../tsconfig.json', compilerOptions: options, include: ['*.mts'] };
  writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify(config));
});

test('there are programs, and promises in them', () => {
  expect(programs.length).toBeGreaterThan(10);
  expect(programs.flatMap(({ source }) => promises(source)).length).toBeGreaterThan(20);
});

test('all of them compile', () => {
  const tsc = path.join(path.dirname(require.resolve('typescript/package.json')), 'bin', 'tsc');
  expect(node(tsc, '-p', folder)).toEqual({ status: 0, stdout: '', stderr: '' });
});

test.each(programs)('$title', ({ file, source }) => {
  const { status, stdout, stderr } = node(path.join(folder, 'js', `${file}.mjs`));
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const lines = stdout.split('\n');
  const printed: string[] = [];
  let from = 0;
  for (const text of promises(source)) {
    const at = lines.indexOf(text, from);
    printed.push(at < 0 ? `not printed; the output is:\n${stdout}` : text);
    if (at >= 0) from = at + 1;
  }
  expect(printed).toEqual(promises(source));
});
