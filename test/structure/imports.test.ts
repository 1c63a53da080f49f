// Who may import whom. A new folder needs a row here, and a new arrow a reason.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const root = path.join(__dirname, '..', '..');

const families = [
  'layers',
  'losses',
  'metrics',
  'optimizers',
  'initializers',
  'regularizers',
  'constraints',
  'schedules',
];

/** Area of lib/ -> areas it may import, besides itself. `training` joins the others, `index` exports them. */
const libArrows: Record<string, readonly string[]> = {
  // Where the package is.
  root: [],
  ir: [],
  compile: ['ir'],
  ...Object.fromEntries(families.map((family) => [family, ['ir', ...families]])),
  // Gives all weights the program of one: see `optimizers/traced-once.ts`.
  optimizers: ['ir', 'compile/elementwise', ...families],
  // Draws weights natively: millions of random numbers.
  initializers: ['ir', 'runtime/draw', ...families],
  // Knows encoded plans only; the operation table is there for its hash.
  runtime: ['ir/optable', 'root'],
  transforms: ['ir', 'compile', 'runtime'],
  // Shuffles and splits with the same random numbers as the operations.
  data: ['runtime', 'ir/philox'],
  io: ['runtime', 'ir/bfloat16'],
  // Strings to numbers, outside of graphs; shares the vocabularies of layers.
  preprocessing: ['ir', 'io', 'layers'],
  training: ['ir', 'compile', 'runtime', 'transforms', 'data', 'io', ...families],
  index: ['ir', 'compile', 'runtime', 'transforms', 'data', 'io', 'preprocessing', 'training', ...families],
};

/** The same for native/. cpu and cuda never include each other; only binding knows Node-API. */
const nativeArrows: Record<string, readonly string[]> = {
  plan: [],
  runtime: ['plan'],
  scalar: [],
  cpu: ['plan', 'runtime', 'scalar'],
  cuda: ['plan', 'runtime', 'scalar'],
  binding: ['plan', 'runtime', 'cpu', 'cuda'],
};

interface Import {
  readonly from: string;
  readonly to: string;
}

function filesIn(folder: string, pattern: RegExp): string[] {
  return (readdirSync(path.join(root, folder), { recursive: true }) as string[])
    .filter((name) => pattern.test(name))
    .map((name) => name.replaceAll(path.sep, '/'));
}

/** Relative imports below `folder`, both ends relative to it. */
function importsIn(folder: string, files: RegExp, statement: RegExp): Import[] {
  return filesIn(folder, files).flatMap((from) => {
    const text = readFileSync(path.join(root, folder, from), 'utf8');
    return [...text.matchAll(statement)].map(([, target = '']) => ({
      from,
      to: path.posix.join(path.posix.dirname(from), target),
    }));
  });
}

const areaOf = (file: string): string => file.split('/')[0]?.replace(/\.m?[jt]s$/, '') ?? '';

function forbidden(imports: readonly Import[], arrows: Record<string, readonly string[]>): string[] {
  return imports
    .filter(({ from, to }) => {
      const allowed = [areaOf(from), ...(arrows[areaOf(from)] ?? [])];
      return !allowed.some((area) => areaOf(to) === area || to.replace(/\.[a-z]+$/, '') === area);
    })
    .map(({ from, to }) => `${from} imports ${to}`);
}

const libStatement = /(?:from|import|require)\s*\(?\s*'(\.{1,2}\/[^']+)'/g;
const includeStatement = /^\s*#\s*include\s+"([^"]+)"/gm;

describe('import directions', () => {
  test('the lint finds a wrong arrow, an unknown area, and lets the right ones through', () => {
    const imports = [
      { from: 'layers/dense.ts', to: 'compile/fuse.js' },
      { from: 'layers/dense.ts', to: 'ir/ops/index.js' },
      { from: 'runtime/load.ts', to: 'ir/optable.js' },
      { from: 'runtime/load.ts', to: 'ir/graph.js' },
      { from: 'elsewhere/a.ts', to: 'ir/graph.js' },
    ];
    expect(forbidden(imports, libArrows)).toEqual([
      'layers/dense.ts imports compile/fuse.js',
      'runtime/load.ts imports ir/graph.js',
      'elsewhere/a.ts imports ir/graph.js',
    ]);
    const text = `import { a } from './a.js';\nimport type { b } from '../b.js';\nconst c = await import('./c.js');`;
    expect([...text.matchAll(libStatement)].map((match) => match[1])).toEqual(['./a.js', '../b.js', './c.js']);
  });

  test('lib', () => {
    const imports = importsIn('lib', /\.m?ts$/, libStatement);
    expect(imports.length).toBeGreaterThan(20);
    expect(forbidden(imports, libArrows)).toEqual([]);
  });

  test('native', () => {
    const sources = importsIn('native', /\.(cc|h|inl|cu|cuh)$/, includeStatement);
    expect(sources.length).toBeGreaterThan(20);
    const own = sources.filter(({ to }) => to !== 'ops.inc');
    expect(forbidden(own, nativeArrows)).toEqual([]);
  });

  test('only binding includes Node-API', () => {
    const users = filesIn('native', /\.(cc|h|inl|cu|cuh)$/).filter((file) =>
      /#\s*include\s+[<"](napi|node_api|js_native_api|uv)\b/.test(
        readFileSync(path.join(root, 'native', file), 'utf8'),
      ),
    );
    expect(users.length).toBeGreaterThan(0);
    expect(users.filter((file) => areaOf(file) !== 'binding')).toEqual([]);
  });
});
