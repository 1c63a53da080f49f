// What a docstring has to say. The examples are compiled by snippets.test.ts.
import { type Entry, readFamilies } from './examples';

const families = new Map(readFamilies().map((family) => [family.name, family.entries]));

const callable = (family: string): readonly Entry[] => {
  const entries = families.get(family);
  if (entries === undefined) throw new Error(`no family ${family}`);
  return entries.filter(({ kind }) => kind === 'function' || kind === 'class');
};
const without = (family: string, has: (entry: Entry) => boolean): string[] =>
  callable(family)
    .filter((entry) => !has(entry))
    .map(({ name, file }) => `${name} (${file})`);

/** Refers to another docstring for what it has in common with it. */
const refers = (text: string): boolean => /\b([Aa]s (in|for|with)|[Oo]therwise as|[Ss]ee|as)\s`\w/.test(text);

test('the families are read', () => {
  expect([...families.keys()]).toEqual(
    expect.arrayContaining(['layers', 'ops', 'losses', 'metrics', 'optimizers', 'schedules', 'callbacks', 'models']),
  );
  expect(callable('ops').length).toBeGreaterThan(150);
  expect(callable('layers').length).toBeGreaterThan(80);
});

test.each([...families.keys()])('%s: every function and class has a summary', (family) => {
  expect(without(family, ({ text }) => text !== '')).toEqual([]);
});

const documented = ['layers', 'losses', 'metrics', 'optimizers'];
const withExamples = [
  ...documented,
  'schedules',
  'initializers',
  'regularizers',
  'constraints',
  'callbacks',
  'data',
  'preprocessing',
];
/** Classes are met behind functions, whose docstrings say the rest. */
const made = ({ kind }: Entry): boolean => kind === 'function';

test.each(withExamples)('%s: everything has an example', (family) => {
  expect(without(family, (entry) => !made(entry) || entry.examples.length > 0)).toEqual([]);
});

test.each(documented)('%s: everything says what it throws', (family) => {
  expect(without(family, (entry) => !made(entry) || entry.throws.length > 0)).toEqual([]);
});

test.each(['layers', 'losses', 'metrics'])('%s: everything says its shapes', (family) => {
  const shapes = ({ text, params }: Entry): boolean =>
    /\[[^\]]*\]|\bshape\b/.test(text) ||
    refers(text) ||
    (params ?? []).some(({ meaning }) => meaning.includes('[') || refers(meaning));
  expect(without(family, (entry) => !made(entry) || shapes(entry))).toEqual([]);
});

test('optimizers and schedules say their formula', () => {
  const formula = ({ text }: Entry): boolean => /[-+*/^=]/.test(text.replace(/-\w|\w-/g, ''));
  expect(without('optimizers', formula)).toEqual([]);
  expect(without('schedules', (entry) => entry.name === 'constant' || formula(entry))).toEqual([]);
});

test('every optimizer says where it comes from', () => {
  expect(without('optimizers', ({ source }) => source !== undefined)).toEqual([]);
});
